import { useDisclosure } from '@mantine/hooks';
import { Outlet } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';

import { useShortcut } from '../../lib/useShortcut';
import { QueueDrawer } from '../queue/QueueDrawer';
import { HelpDialog } from './HelpDialog';
import { NavBar } from './NavBar';
import { Palette } from './Palette';
import { TopBar } from './TopBar';
import { useFailureToasts } from './useFailureToasts';
import { useOfflinePolling } from './useOfflinePolling';
import classes from './Shell.module.css';

/** The frame around every page. */
export function Shell() {
  const { t } = useTranslation();
  const [isQueueOpen, queue] = useDisclosure(false);
  const [isHelpOpen, help] = useDisclosure(false);
  useShortcut('help', help.open);
  useFailureToasts();
  useOfflinePolling();
  return (
    <div className={classes.shell}>
      <a
        href="#main"
        className={classes.skip}
        onClick={(event) => {
          // The address after # belongs to the router.
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        {t('shell.skip')}
      </a>
      <TopBar onQueue={queue.open} onHelp={help.open} />
      <NavBar />
      <main id="main" className={classes.main} tabIndex={-1}>
        <Outlet />
      </main>
      <QueueDrawer opened={isQueueOpen} onClose={queue.close} />
      <HelpDialog opened={isHelpOpen} onClose={help.close} />
      <Palette onQueue={queue.open} onHelp={help.open} />
    </div>
  );
}

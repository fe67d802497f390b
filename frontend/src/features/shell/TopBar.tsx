import { ActionIcon, Tooltip } from '@mantine/core';
import { spotlight } from '@mantine/spotlight';
import { IconCommand } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { Logo } from '../../components/Logo';
import { AccountMenu } from './AccountMenu';
import { ConnectionDot } from './ConnectionDot';
import { LanguageSwitch } from './LanguageSwitch';
import { QueueButton } from './QueueButton';
import { ThemeToggle } from './ThemeToggle';
import classes from './TopBar.module.css';

interface TopBarProps {
  onQueue: () => void;
  onHelp: () => void;
}

export function TopBar({ onQueue, onHelp }: TopBarProps) {
  const { t } = useTranslation();
  return (
    <header className={classes.bar}>
      <a href="#/" className={classes.brand}>
        <Logo size={24} />
        <span>{t('app.name')}</span>
      </a>
      <div className={classes.spacer} />
      <QueueButton onClick={onQueue} />
      <ConnectionDot />
      <Tooltip label={`${t('palette.open')} · Ctrl+K`}>
        <ActionIcon
          variant="subtle"
          className={`${classes.quiet} ${classes.wideOnly}`}
          aria-label={t('palette.open')}
          onClick={spotlight.open}
        >
          <IconCommand size={20} stroke={1.75} />
        </ActionIcon>
      </Tooltip>
      <LanguageSwitch />
      <ThemeToggle />
      <AccountMenu onHelp={onHelp} />
    </header>
  );
}

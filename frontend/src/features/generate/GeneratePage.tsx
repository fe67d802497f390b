import { Drawer } from '@mantine/core';
import { useDisclosure, useMediaQuery } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';

import { useShortcut } from '../../lib/useShortcut';
import { useUi } from '../../lib/uiStore';
import { NARROW_QUERY, PHONE_QUERY } from '../../theme';
import { FormPane } from './FormPane';
import classes from './GeneratePage.module.css';
import { HistoryPane } from './HistoryPane';
import { HistoryStrip } from './HistoryStrip';
import { PageDrop } from './PageDrop';
import { StagePane } from './StagePane';
import { useDocumentTitle } from './useDocumentTitle';

/** Form, picture, history: side by side where there is room, one below the other on phones. */
export function GeneratePage() {
  const { t } = useTranslation();
  const isPhone = useMediaQuery(PHONE_QUERY, undefined, { getInitialValueInEffect: false });
  const isNarrow = useMediaQuery(NARROW_QUERY, undefined, { getInitialValueInEffect: false });
  const { historyOpen, set } = useUi();
  const [isDrawerOpen, drawer] = useDisclosure(false);
  const toggleHistory = isNarrow ? drawer.toggle : () => set({ historyOpen: !historyOpen });
  useShortcut('history', toggleHistory);
  useDocumentTitle();

  // The order in the document is the order of reading, which differs; React moves keyed children without losing them.
  const form = <FormPane key="form" />;
  const stage = <StagePane key="stage" onHistory={isPhone || (!isNarrow && historyOpen) ? undefined : toggleHistory} />;
  const hasPanel = !isNarrow && historyOpen;
  return (
    <div className={classes.page} data-history={hasPanel || undefined}>
      <h1 className="visually-hidden">{t('nav.generate')}</h1>
      {isPhone ? [stage, <HistoryStrip key="strip" />, form] : [form, stage]}
      <PageDrop />
      {hasPanel && <HistoryPane onClose={toggleHistory} />}
      {isNarrow && !isPhone && (
        <Drawer
          opened={isDrawerOpen}
          onClose={drawer.close}
          position="right"
          size={336}
          withCloseButton={false}
          padding={0}
          aria-label={t('history.title')}
        >
          <HistoryPane onClose={drawer.close} />
        </Drawer>
      )}
    </div>
  );
}

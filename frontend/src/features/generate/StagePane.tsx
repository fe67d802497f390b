import { ActionIcon, Tooltip } from '@mantine/core';
import { IconLayoutSidebarRight } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { useActiveJobs, useJobs } from '../../lib/jobsStore';
import { ActiveStage } from './ActiveStage';
import { EmptyStage } from './EmptyStage';
import { FailedStage } from './FailedStage';
import { ImageStage } from './ImageStage';
import { stageView, type StageView } from './stage';
import classes from './StagePane.module.css';
import { useStage } from './stageStore';
import { StageAnnouncer } from './StageAnnouncer';
import { useHistory } from './useHistory';

interface StagePaneProps {
  /** Opens the history; absent where it is in sight. */
  onHistory: (() => void) | undefined;
}

/** The picture in the middle: empty, being made, failed or finished. */
export function StagePane({ onHistory }: StagePaneProps) {
  const { t } = useTranslation();
  const { selection, index } = useStage();
  const { jobs, order } = useJobs();
  const { images, status } = useHistory();
  const view = stageView({
    selection,
    jobs: order.flatMap((id) => jobs[id] ?? []),
    history: images,
    index,
  });
  return (
    <section className={classes.pane} aria-label={t('stage.label')}>
      {onHistory && (
        <Tooltip label={`${t('history.title')} · G`} position="left">
          <ActionIcon
            variant="subtle"
            color="gray"
            className={classes.historyButton}
            aria-label={t('history.open')}
            onClick={onHistory}
          >
            <IconLayoutSidebarRight size={20} stroke={1.75} />
          </ActionIcon>
        </Tooltip>
      )}
      {selection.type === 'image' && <BackToRunning />}
      {status !== 'pending' || view.type !== 'empty' ? <Content view={view} /> : null}
      <StageAnnouncer view={view} />
    </section>
  );
}

function Content({ view }: { view: StageView }) {
  switch (view.type) {
    case 'empty':
      return <EmptyStage />;
    case 'active':
      return <ActiveStage job={view.job} under={view.under} />;
    case 'failed':
      return <FailedStage job={view.job} />;
    case 'images':
      return <ImageStage images={view.images} index={view.index} />;
  }
}

function BackToRunning() {
  const { t } = useTranslation();
  const showLatest = useStage((state) => state.showLatest);
  const jobs = useActiveJobs();
  if (jobs.length === 0) return null;
  return (
    <button type="button" className={classes.back} onClick={showLatest}>
      <span className={classes.pulse} aria-hidden />
      {t('stage.showRunning')}
    </button>
  );
}

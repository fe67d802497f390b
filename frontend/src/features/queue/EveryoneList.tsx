import { ActionIcon, Loader, Menu, Progress, Text } from '@mantine/core';
import { IconBolt, IconDotsVertical } from '@tabler/icons-react';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';

import type { QueueJob } from '../../api/types';
import { formatDuration } from '../../lib/format';
import { manageJob } from '../../lib/jobActions';
import { useConnection } from '../../lib/jobsStore';
import { useQueue, watchQueue } from '../../lib/queueStore';
import { useRight } from '../shell/sessionContext';
import { Empty } from './MineList';
import classes from './Queue.module.css';

/** Everybody's jobs as they will start; of other people's only that there are some, without the right to see more. */
export function EveryoneList() {
  const { t } = useTranslation();
  const isOffline = useConnection() === 'offline';
  const everyone = useQueue((state) => state.everyone);
  const queue = useQueue((state) => state.queue);
  useEffect(() => watchQueue(), []);
  if (!everyone) return isOffline ? <Empty title={t('queue.away')} hint={t('queue.awayHint')} /> : <Waiting />;
  return (
    <>
      {queue && (
        <Text size="xs" c="dimmed" className="tabular">
          {t('queue.numbers', { running: queue.running, waiting: queue.waiting, workers: queue.workers })}
        </Text>
      )}
      {everyone.items.length === 0 ? (
        <Empty title={t('queue.empty')} hint={t('queue.emptyEveryone')} />
      ) : (
        <ol className={classes.list} aria-label={t('queue.everyone')}>
          {everyone.items.map((job) => (
            <EveryoneRow key={job.id} job={job} />
          ))}
        </ol>
      )}
      {everyone.more && (
        <Text size="xs" c="dimmed">
          {t('queue.moreBehind')}
        </Text>
      )}
    </>
  );
}

function Waiting() {
  const { t } = useTranslation();
  return (
    <div className={classes.empty}>
      <Loader size="sm" aria-label={t('queue.loading')} />
    </div>
  );
}

function EveryoneRow({ job }: { job: QueueJob }) {
  const { t } = useTranslation();
  const mayManage = useRight('generation.manage_queue');
  const owner = job.mine ? t('queue.me') : (job.owner ?? t('queue.somebody'));
  const percent = job.progress?.total ? Math.round((100 * job.progress.step) / job.progress.total) : null;
  return (
    <li className={classes.row} data-mine={job.mine || undefined}>
      <span className={classes.position}>{job.position ?? '·'}</span>
      <div className={classes.body}>
        <Text size="sm" fw={500} truncate title={job.prompt ?? undefined}>
          {job.prompt ?? owner}
        </Text>
        <Text size="xs" c="dimmed" className="tabular">
          {job.urgent && <IconBolt size={12} stroke={2} className={classes.bolt} aria-label={t('queue.urgent')} />}
          {useLine(job, job.prompt === null ? null : owner)}
        </Text>
        {percent !== null && <Progress value={percent} size={4} mt={6} aria-label={t('stage.progress')} />}
      </div>
      {mayManage && <ManageMenu job={job} owner={owner} />}
    </li>
  );
}

/** «ann · waits · in about 4 s». */
function useLine(job: QueueJob, owner: string | null): string {
  const { t } = useTranslation();
  const duration = job.eta_seconds === null ? '' : formatDuration(t, job.eta_seconds);
  const eta = duration && t(job.state === 'running' ? 'stage.left' : 'stage.startsIn', { duration });
  return [owner, t(`queue.states.${job.state}`), eta].filter(Boolean).join(' · ');
}

function ManageMenu({ job, owner }: { job: QueueJob; owner: string }) {
  const { t } = useTranslation();
  const isHeld = job.state === 'held';
  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t('queue.manage', { owner, prompt: job.prompt })}>
          <IconDotsVertical size={18} stroke={1.75} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {job.state !== 'running' && (
          <>
            <Menu.Item onClick={() => void manageJob(job.id, isHeld ? 'release' : 'hold')}>
              {t(isHeld ? 'queue.release' : 'queue.hold')}
            </Menu.Item>
            <Menu.Item onClick={() => void manageJob(job.id, job.urgent ? 'unexpedite' : 'expedite')}>
              {t(job.urgent ? 'queue.unexpedite' : 'queue.expedite')}
            </Menu.Item>
          </>
        )}
        <Menu.Item color="var(--err)" onClick={() => void manageJob(job.id, 'cancel')}>
          {t('common.cancel')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

import { ActionIcon, Menu, Progress, Text, Tooltip } from '@mantine/core';
import {
  IconArrowDown,
  IconArrowUp,
  IconBolt,
  IconDotsVertical,
  IconGripVertical,
  IconHourglass,
  IconPlayerPause,
  IconPlayerPlay,
  IconX,
} from '@tabler/icons-react';
import type { ComponentProps, KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';

import { cancelJob, expediteJob, holdJob, moveJob, releaseJob, unexpediteJob } from '../../lib/jobActions';
import type { JobView } from '../../lib/jobs';
import { useJobStatus } from '../../lib/useJobStatus';
import { useRight } from '../shell/sessionContext';
import classes from './Queue.module.css';

const ICON = { size: 18, stroke: 1.75, 'aria-hidden': true } as const;

interface QueueRowProps {
  job: JobView;
  /** Of those that wait. */
  isFirst: boolean;
  isLast: boolean;
  /** What makes its handle drag; absent where there is nothing to be dragged past. */
  handle: ComponentProps<'button'> | undefined;
  isDragged: boolean;
  drop: 'before' | 'after' | undefined;
}

/** One of my jobs and what I can do with it. */
export function QueueRow({ job, isFirst, isLast, handle, isDragged, drop }: QueueRowProps) {
  const { t } = useTranslation();
  const { line, eta, percent } = useJobStatus(job);
  const { prompt } = job.params;
  const waits = job.state !== 'running';
  return (
    <li
      className={classes.row}
      data-movable={waits || undefined}
      data-dragged={isDragged || undefined}
      data-drop={drop}
    >
      {waits && handle && <Handle job={job} handle={handle} />}
      <span className={classes.thumb}>
        {job.previewUrl ? <img src={job.previewUrl} alt="" /> : <IconHourglass size={20} stroke={1.5} aria-hidden />}
      </span>
      <div className={classes.body}>
        <Text size="sm" fw={500} truncate title={prompt}>
          {prompt || t('gallery.noPrompt')}
        </Text>
        <Text size="xs" c="dimmed" className="tabular">
          {job.urgent && <IconBolt size={12} stroke={2} className={classes.bolt} aria-label={t('queue.urgent')} />}
          {eta ? `${line} · ${eta}` : line}
        </Text>
        {!waits && <Progress value={percent} size={4} mt={6} aria-label={t('stage.progress')} />}
      </div>
      <div className={classes.tools}>
        {waits && <HoldButton job={job} />}
        <Tooltip label={t('common.cancel')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('queue.cancelOne', { prompt })}
            onClick={() => void cancelJob(job.id)}
          >
            <IconX {...ICON} />
          </ActionIcon>
        </Tooltip>
        {waits && <MoveMenu job={job} isFirst={isFirst} isLast={isLast} />}
      </div>
    </li>
  );
}

function Handle({ job, handle }: { job: JobView; handle: ComponentProps<'button'> }) {
  const { t } = useTranslation();
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    void moveJob(job.id, { to: event.key === 'ArrowUp' ? 'up' : 'down' });
  };
  return (
    <button
      type="button"
      className={classes.handle}
      aria-label={t('queue.drag', { prompt: job.params.prompt })}
      onKeyDown={onKeyDown}
      {...handle}
    >
      <IconGripVertical {...ICON} />
    </button>
  );
}

function HoldButton({ job }: { job: JobView }) {
  const { t } = useTranslation();
  const isHeld = job.state === 'held';
  const { prompt } = job.params;
  return (
    <Tooltip label={t(isHeld ? 'queue.release' : 'queue.hold')}>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={t(isHeld ? 'queue.releaseOne' : 'queue.holdOne', { prompt })}
        onClick={() => void (isHeld ? releaseJob(job.id) : holdJob(job.id))}
      >
        {isHeld ? <IconPlayerPlay {...ICON} /> : <IconPlayerPause {...ICON} />}
      </ActionIcon>
    </Tooltip>
  );
}

function MoveMenu({ job, isFirst, isLast }: Pick<QueueRowProps, 'job' | 'isFirst' | 'isLast'>) {
  const { t } = useTranslation();
  const canJump = useRight('generation.jump_queue');
  const canManage = useRight('generation.manage_queue');
  return (
    <Menu position="bottom-end" width={250}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t('queue.more', { prompt: job.params.prompt })}>
          <IconDotsVertical {...ICON} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<IconArrowUp {...ICON} />}
          disabled={isFirst}
          onClick={() => void moveJob(job.id, { to: 'up' })}
        >
          {t('queue.up')}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconArrowDown {...ICON} />}
          disabled={isLast}
          onClick={() => void moveJob(job.id, { to: 'down' })}
        >
          {t('queue.down')}
        </Menu.Item>
        <Menu.Item disabled={isFirst} onClick={() => void moveJob(job.id, { to: 'first' })}>
          {t('queue.first')}
        </Menu.Item>
        <Menu.Item disabled={isLast} onClick={() => void moveJob(job.id, { to: 'last' })}>
          {t('queue.last')}
        </Menu.Item>
        {(canJump || canManage) && (
          <Menu.Item
            leftSection={<IconBolt {...ICON} />}
            onClick={() => void (job.urgent ? unexpediteJob(job.id) : expediteJob(job.id))}
          >
            {t(job.urgent ? 'queue.unexpedite' : 'queue.expedite')}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

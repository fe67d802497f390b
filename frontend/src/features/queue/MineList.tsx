import { Text } from '@mantine/core';
import { IconStack2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { api } from '../../api/client';
import { attempt, moveJob } from '../../lib/jobActions';
import { useActiveJobs } from '../../lib/jobsStore';
import { ConfirmButton } from './ConfirmButton';
import { FinishedList } from './FinishedList';
import { inOrder, moveTo } from './order';
import classes from './Queue.module.css';
import { QueueRow } from './QueueRow';
import { useReorder } from './useReorder';

/** My unfinished jobs in their order, which I may change, and what has ended lately. */
export function MineList() {
  const { t } = useTranslation();
  const jobs = inOrder(useActiveJobs());
  const waiting = jobs.filter((job) => job.state !== 'running').map(({ id }) => id);
  const { list, drag, handleProps } = useReorder((id, gap) => {
    const move = moveTo(waiting, id, gap);
    if (move) void moveJob(id, move);
  });
  return (
    <>
      {jobs.length === 0 ? (
        <Empty title={t('queue.empty')} hint={t('queue.emptyHint')} />
      ) : (
        <ol className={classes.list} ref={list} aria-label={t('queue.mine')}>
          {jobs.map((job) => {
            const place = waiting.indexOf(job.id);
            return (
              <QueueRow
                key={job.id}
                job={job}
                isFirst={place === 0}
                isLast={place === waiting.length - 1}
                handle={waiting.length > 1 ? handleProps(job.id) : undefined}
                isDragged={drag?.id === job.id}
                drop={dropSide(place, drag?.gap, waiting.length)}
              />
            );
          })}
        </ol>
      )}
      {jobs.length > 1 && (
        <ConfirmButton
          label={t('queue.cancelAll')}
          question={t('queue.cancelAllAsk', { count: jobs.length })}
          onConfirm={() => void attempt(api.cancelJobs)}
        />
      )}
      <FinishedList />
    </>
  );
}

function dropSide(place: number, gap: number | undefined, count: number): 'before' | 'after' | undefined {
  if (gap === undefined || place < 0) return undefined;
  if (gap === place) return 'before';
  return gap === count && place === count - 1 ? 'after' : undefined;
}

interface EmptyProps {
  title: string;
  hint: string;
}

export function Empty({ title, hint }: EmptyProps) {
  return (
    <div className={classes.empty}>
      <IconStack2 size={32} stroke={1.5} aria-hidden />
      <Text fw={600}>{title}</Text>
      <Text size="sm" c="dimmed">
        {hint}
      </Text>
    </div>
  );
}

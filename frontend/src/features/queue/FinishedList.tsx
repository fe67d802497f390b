import { Button, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { IconAlertTriangle, IconBan, IconPhoto, IconRefresh } from '@tabler/icons-react';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useShallow } from 'zustand/react/shallow';

import { api, queryKeys } from '../../api/client';
import type { Job } from '../../api/types';
import { attempt, retryJob } from '../../lib/jobActions';
import { errorText } from '../../lib/errorText';
import { isFinished } from '../../lib/jobs';
import { useJobs } from '../../lib/jobsStore';
import { ConfirmButton } from './ConfirmButton';
import classes from './Queue.module.css';

const SHOWN = 20;

/** What has ended lately, the newest first; failed and cancelled ones can be done again. */
export function FinishedList() {
  const { t } = useTranslation();
  const jobs = useFinished();
  if (jobs.length === 0) return null;
  return (
    <section aria-label={t('queue.finished')} className={classes.finished}>
      <div className={classes.finishedHead}>
        <h3>{t('queue.finished')}</h3>
        <ConfirmButton
          label={t('queue.clear')}
          question={t('queue.clearAsk')}
          onConfirm={() => void attempt(api.clearJobs)}
        />
      </div>
      <ul className={classes.list}>
        {jobs.map((job) => (
          <FinishedRow key={job.id} job={job} />
        ))}
      </ul>
    </section>
  );
}

/** The server's list, asked for anew whenever one of my jobs ends or leaves the list. */
function useFinished(): Job[] {
  const queryClient = useQueryClient();
  const ended = useJobs(
    useShallow((state) => state.order.filter((id) => state.jobs[id] && isFinished(state.jobs[id]))),
  ).join();
  useEffect(() => {
    void queryClient.invalidateQueries({ queryKey: queryKeys.finishedJobs });
  }, [queryClient, ended]);
  const { data } = useQuery({
    queryKey: queryKeys.finishedJobs,
    queryFn: () => api.jobs({ state: 'finished', limit: SHOWN }),
  });
  return data?.items ?? [];
}

function FinishedRow({ job }: { job: Job }) {
  const { t } = useTranslation();
  const { prompt } = job.params;
  const thumbnail = job.images[0]?.thumbnail_url;
  const line = job.state === 'failed' ? errorText(t, job.error).message : t(`queue.states.${job.state}`);
  const Icon = { failed: IconAlertTriangle, cancelled: IconBan }[job.state as 'failed' | 'cancelled'] ?? IconPhoto;
  return (
    <li className={classes.row}>
      <span className={classes.thumb}>
        {thumbnail ? <img src={thumbnail} alt="" /> : <Icon size={20} stroke={1.5} aria-hidden />}
      </span>
      <div className={classes.body}>
        <Text size="sm" truncate title={prompt}>
          {prompt || t('gallery.noPrompt')}
        </Text>
        <Text size="xs" c={job.state === 'failed' ? 'var(--err)' : 'dimmed'}>
          {line}
        </Text>
      </div>
      {job.state !== 'done' && (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconRefresh size={16} stroke={1.75} aria-hidden />}
          aria-label={t('queue.retryOne', { prompt })}
          onClick={() => void retryJob(job)}
        >
          {t('common.retry')}
        </Button>
      )}
    </li>
  );
}

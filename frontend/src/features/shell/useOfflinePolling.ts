import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';

import { api, queryKeys } from '../../api/client';
import { isFinished } from '../../lib/jobs';
import { addJob, useActiveJobs, useConnection, useJobs } from '../../lib/jobsStore';

const INTERVAL_MS = 4_000;
/** What has just ended is asked for one by one, and must not eat the request limit of its owner. */
const AT_MOST = 3;
const ALL_ACTIVE = 100;

/** Asks how my jobs are while the event socket cannot connect: some networks let only plain HTTP through. */
export function useOfflinePolling(): void {
  const queryClient = useQueryClient();
  const isOffline = useConnection() === 'offline';
  const hasJobs = useActiveJobs().length > 0;
  useEffect(() => {
    if (!isOffline || !hasJobs) return;
    const ask = async () => {
      const { jobs, order } = useJobs.getState();
      const { items, next_cursor } = await api.jobs({ state: 'active', limit: ALL_ACTIVE });
      for (const job of items) addJob(job);
      if (next_cursor !== null) return;
      const active = new Set(items.map(({ id }) => id));
      const ended = order.filter((id) => jobs[id] && !isFinished(jobs[id]) && !active.has(id));
      for (const id of ended.slice(0, AT_MOST)) {
        const job = await api.job(id);
        addJob(job);
        if (isFinished(job)) void queryClient.invalidateQueries({ queryKey: queryKeys.images });
      }
    };
    // No answer is no news: the bar already says that there is no connection.
    const timer = setInterval(() => void ask().catch(() => undefined), INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isOffline, hasJobs, queryClient]);
}

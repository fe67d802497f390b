import { useLocation } from '@tanstack/react-router';
import { useEffect, useEffectEvent } from 'react';

import { useJobs } from '../../lib/jobsStore';
import { retryJob } from '../../lib/jobActions';
import { toastError } from '../../lib/toast';

/** Tells about failed jobs where nobody is looking: on another page, or while another job is on the stage. */
export function useFailureToasts(): void {
  const { pathname } = useLocation();
  const isOnStage = useEffectEvent((id: string) => {
    const { order, jobs } = useJobs.getState();
    const isLast = order.at(-1) === id;
    return pathname === '/' && isLast && jobs[id] !== undefined;
  });
  useEffect(
    () =>
      useJobs.subscribe((state, before) => {
        for (const [id, job] of Object.entries(state.jobs)) {
          const old = before.jobs[id];
          if (job.state !== 'failed' || !old || old.state === 'failed' || isOnStage(id)) continue;
          toastError(job.error, () => void retryJob(job));
        }
      }),
    [],
  );
}

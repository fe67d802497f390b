/** What a person can do with a job: submit, cancel, try again. */

import { api } from '../api/client';
import { ApiError } from '../api/errors';
import type { Job, JobRequest, Move } from '../api/types';
import { addJob, useJobs } from './jobsStore';
import { toastError } from './toast';
import { randomUuid } from './uuid';

const ATTEMPTS = 3;
const PAUSE_MS = 800;

/**
 * Submits a job. A lost answer is asked for again with the same key, so that it can never become two jobs.
 *
 * Throws `ApiError`.
 */
export async function submitJob(request: JobRequest): Promise<Job> {
  const key = randomUuid();
  for (let attempt = 1; ; attempt++) {
    try {
      const job = await api.submitJob(request, key);
      addJob(job);
      return job;
    } catch (error) {
      const isLost = error instanceof ApiError && (error.status === 0 || error.status >= 502);
      if (!isLost || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
    }
  }
}

/** Cancels a job; one that has finished meanwhile is no error. */
export async function cancelJob(id: string): Promise<void> {
  try {
    addJob(await api.cancelJob(id));
  } catch (error) {
    if (error instanceof ApiError && error.code === 'job_finished') return;
    toastError(error, () => void cancelJob(id));
  }
}

/** The same again, with the same seed, in place of the failed or cancelled job. */
export async function retryJob({ id }: Pick<Job, 'id'>): Promise<void> {
  await attempt(async () => {
    addJob(await api.retryJob(id));
    useJobs.getState().dispatch({ type: 'forget', jobId: id });
  });
}

export function holdJob(id: string): Promise<void> {
  return attempt(async () => addJob(await api.holdJob(id)));
}

export function releaseJob(id: string): Promise<void> {
  return attempt(async () => addJob(await api.releaseJob(id)));
}

/** Another place among my own; the socket tells what that does to the others. */
export function moveJob(id: string, move: Move): Promise<void> {
  return attempt(async () => addJob(await api.moveJob(id, move)));
}

/** Past everybody's; one that has begun meanwhile needs it no more. */
export async function expediteJob(id: string): Promise<void> {
  try {
    addJob(await api.expediteJob(id));
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) toastError(error);
  }
}

export function unexpediteJob(id: string): Promise<void> {
  return attempt(async () => addJob(await api.unexpediteJob(id)));
}

/** What those who manage the queue do to somebody's job; the list tells what became of it. */
export function manageJob(id: string, act: keyof typeof api.manage): Promise<void> {
  return attempt(() => api.manage[act](id));
}

/** Tells what went wrong; the queue shows what became of it otherwise. */
export async function attempt(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    toastError(error);
  }
}

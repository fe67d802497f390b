/** What a person can do with a job: submit, cancel, try again. */

import { api } from '../api/client';
import { ApiError } from '../api/errors';
import type { Job, JobRequest } from '../api/types';
import { addJob } from './jobsStore';
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

/** Submits the same again, with the same seed. */
export async function retryJob({ params }: Pick<Job, 'params'>): Promise<void> {
  const { model_id, ...rest } = params;
  try {
    await submitJob({ ...rest, model: model_id || rest.model });
  } catch (error) {
    toastError(error);
  }
}

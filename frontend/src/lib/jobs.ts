/**
 * The life of the jobs a person sees, as a pure reducer over what the server says. Framework-free.
 *
 *   queued <-> held      places in the queue
 *   queued -> running    claimed by a worker: `attempt` grows by one
 *   running -> queued    the worker was lost: `attempt` stays
 *   any -> done | failed | cancelled
 *
 * Messages may arrive twice, late or not at all: news is what has a higher attempt, or within one attempt comes later
 * in the order running, queued, finished. `done` is final for ever, a failed or cancelled job may be queued again, and
 * a snapshot (sent on every connect) repairs what was lost.
 */
import type {
  CompleteMessage,
  ErrorMessage,
  Image,
  Job,
  JobState,
  ProgressMessage,
  ServerMessage,
  SnapshotMessage,
} from '../api/types';

export interface JobView extends Job {
  /** Object URL of the newest preview; lives until the job leaves the list. */
  previewUrl?: string;
  /** Step that the preview shows. */
  previewStep?: number;
  /** Seconds left at `etaAt`: the server's estimate, else from the measured step rate; null when unknown. */
  etaSeconds: number | null;
  /** Epoch milliseconds at which `etaSeconds` was true. */
  etaAt: number;
  /** Measured, smoothed; null before two reports. */
  secondsPerStep: number | null;
  /** Epoch milliseconds of the newest accepted progress; 0 before the first. */
  progressAt: number;
  /** A snapshot did not know this unfinished job: it ended while we were away, ask the server how. */
  stale?: boolean;
}

export interface JobsState {
  jobs: Record<string, JobView>;
  /** All ids, oldest first. */
  order: string[];
}

export type LocalEvent =
  | { type: 'preview'; jobId: string; step: number; total: number; url: string }
  | { type: 'image-changed'; image: Image }
  | { type: 'image-removed'; imageId: string }
  | { type: 'image-restored'; image: Image }
  | { type: 'forget'; jobId: string }
  | { type: 'reset' };

export const EMPTY_JOBS: JobsState = { jobs: {}, order: [] };

/** Finished jobs kept in memory; the gallery has the rest. */
export const MAX_FINISHED = 50;

/** After this silence a lower step is believed: the job was started again and the message about it was lost. */
export const PROGRESS_SILENCE_MS = 5_000;

const RATE_SMOOTHING = 0.3;

/** The order within one attempt. A job that waits for its first worker has attempt 0, which nothing runs in. */
const RANK: Record<JobState, number> = { running: 0, queued: 1, held: 1, done: 2, failed: 2, cancelled: 2 };

export function isFinished(job: Pick<Job, 'state'>): boolean {
  return RANK[job.state] === 2;
}

/** Seconds left at `now`, counted down from the last estimate and never negative; null when unknown or finished. */
export function remainingSeconds(job: JobView, now: number = Date.now()): number | null {
  if (job.etaSeconds === null || isFinished(job)) return null;
  return Math.max(0, job.etaSeconds - Math.max(0, now - job.etaAt) / 1000);
}

/**
 * The state after one message. Returns the same object when nothing changed.
 *
 * `now`: epoch milliseconds, for the step rate and the countdown.
 */
export function jobsReducer(state: JobsState, event: ServerMessage | LocalEvent, now: number = Date.now()): JobsState {
  switch (event.type) {
    case 'snapshot':
      return applySnapshot(state, event, now);
    case 'job':
      return applyJob(state, event.data, now);
    case 'progress':
      return applyProgress(state, event, now);
    case 'complete':
      return applyComplete(state, event, now);
    case 'error':
      return applyError(state, event);
    case 'preview':
      return applyPreview(state, event);
    case 'image-changed':
      return mapImages(state, (images) => images.map((image) => (image.id === event.image.id ? event.image : image)));
    case 'image-removed':
      return mapImages(state, (images) => images.filter((image) => image.id !== event.imageId));
    case 'image-restored':
      return restoreImage(state, event.image);
    case 'forget':
      return without(state, new Set([event.jobId]));
    case 'reset':
      return EMPTY_JOBS;
    case 'order':
      return applyOrder(state, event.data.turns);
    case 'cleared':
      return without(state, new Set(event.data.job_ids));
    case 'models':
    case 'gallery':
    case 'queue':
    case 'queue_jobs':
      return state; // not about this person's jobs
  }
}

function applySnapshot(state: JobsState, message: SnapshotMessage, now: number): JobsState {
  const known = new Set(message.data.jobs.map((job) => job.id));
  let next = state;
  for (const job of message.data.jobs) next = applyJob(next, job, now, { authoritative: true });
  for (const id of state.order) {
    const job = next.jobs[id];
    if (job && !known.has(id) && !isFinished(job) && !job.stale) next = put(next, { ...job, stale: true });
  }
  return next;
}

/** True when `job` tells something at least as new as what is known. */
function isNews(known: JobView, job: Job, authoritative: boolean): boolean {
  if (known.state === 'done') return job.state === 'done';
  if (job.state === 'done') return true;
  if (job.attempt !== known.attempt) return job.attempt > known.attempt;
  if (RANK[job.state] >= RANK[known.state]) return !isFinished(known) || job.state === known.state;
  return authoritative && !isFinished(known);
}

function applyJob(state: JobsState, job: Job, now: number, { authoritative = false } = {}): JobsState {
  const known = state.jobs[job.id];
  if (!known) return put(state, freshView(job, now));
  if (!isNews(known, job, authoritative)) return state;
  const isRestarted = job.attempt > known.attempt || (job.state !== 'running' && known.state === 'running');
  const base = isRestarted && !isFinished(job) ? freshView(job, now) : known;
  const progress = base === known ? newerProgress(known.progress, job.progress) : job.progress;
  return put(state, {
    ...confirmed(base),
    ...job,
    progress,
    attempt: Math.max(job.attempt, known.attempt),
    // A finished job is told twice (`job` and `complete`/`error`); neither may wipe what the other brought.
    images: job.images.length > 0 ? job.images : known.images,
    error: job.error ?? (isFinished(job) ? known.error : null),
    ...estimateOf(base, job, now),
  });
}

function freshView(job: Job, now: number): JobView {
  const etaSeconds = isFinished(job) ? null : job.eta_seconds;
  return { ...job, etaSeconds, etaAt: now, secondsPerStep: null, progressAt: job.progress ? now : 0 };
}

/** The server has just spoken about this job. */
function confirmed(view: JobView): JobView {
  const copy = { ...view };
  delete copy.stale;
  return copy;
}

function estimateOf(base: JobView, job: Job, now: number): Pick<JobView, 'etaSeconds' | 'etaAt'> {
  if (isFinished(job)) return { etaSeconds: null, etaAt: now };
  if (job.eta_seconds !== null) return { etaSeconds: job.eta_seconds, etaAt: now };
  return job.state === 'running'
    ? { etaSeconds: base.etaSeconds, etaAt: base.etaAt }
    : { etaSeconds: null, etaAt: now };
}

function newerProgress(known: Job['progress'], incoming: Job['progress']): Job['progress'] {
  if (!known || !incoming) return incoming ?? known;
  return incoming.step >= known.step ? incoming : known;
}

function applyProgress(state: JobsState, message: ProgressMessage, now: number): JobsState {
  const known = state.jobs[message.job_id];
  if (!known || isFinished(known) || known.state === 'held') return state;
  const { step, total, status, eta_seconds: serverEta } = message.data;
  const isBackwards = known.progress !== null && step < known.progress.step;
  if (isBackwards && now - known.progressAt < PROGRESS_SILENCE_MS) return state;
  const secondsPerStep = isBackwards ? null : measuredRate(known, step, now);
  const measured = secondsPerStep === null ? null : secondsPerStep * Math.max(0, total - step);
  const advanced = isBackwards || step !== known.progress?.step;
  const view: JobView = {
    ...confirmed(known),
    state: 'running',
    // The message that a worker has begun was lost, or is late.
    attempt: known.state === 'queued' ? known.attempt + 1 : known.attempt,
    position: null,
    progress: { step, total, status },
    secondsPerStep,
    progressAt: advanced || known.progressAt === 0 ? now : known.progressAt,
    etaSeconds: serverEta ?? measured,
    etaAt: now,
  };
  if (isBackwards) delete view.previewStep;
  return put(state, view);
}

/** Seconds per step, smoothed so that one slow step does not make the estimate jump. */
function measuredRate(known: JobView, step: number, now: number): number | null {
  const before = known.progress?.step ?? 0;
  if (known.progressAt === 0 || step <= before || now <= known.progressAt) return known.secondsPerStep;
  const sample = (now - known.progressAt) / 1000 / (step - before);
  if (known.secondsPerStep === null) return sample;
  return known.secondsPerStep + RATE_SMOOTHING * (sample - known.secondsPerStep);
}

function applyComplete(state: JobsState, message: CompleteMessage, now: number): JobsState {
  const known = state.jobs[message.job_id] ?? viewFromComplete(message, now);
  return put(state, {
    ...confirmed(known),
    state: 'done',
    params: message.data.metadata,
    images: message.data.items.length > 0 ? message.data.items : known.images,
    finished_at: known.finished_at ?? new Date(now).toISOString(),
    position: null,
    error: null,
    eta_seconds: null,
    etaSeconds: null,
    etaAt: now,
  });
}

/** A job that we hear of only when it is done (submitted elsewhere, its first messages lost). */
function viewFromComplete(message: CompleteMessage, now: number): JobView {
  const first = message.data.items[0];
  const job: Job = {
    id: message.job_id,
    state: 'done',
    task: first?.task ?? 'txt2img',
    created_at: first?.created_at ?? new Date(now).toISOString(),
    started_at: null,
    finished_at: first?.created_at ?? null,
    attempt: 0,
    params: message.data.metadata,
    progress: null,
    position: null,
    turn: 0,
    urgent: false,
    eta_seconds: null,
    error: null,
    images: message.data.items,
  };
  return freshView(job, now);
}

function applyError(state: JobsState, message: ErrorMessage): JobsState {
  const known = message.job_id === undefined ? undefined : state.jobs[message.job_id];
  const isCancelled = message.code === 'cancelled';
  // With an action it is a refused request about the job ("already finished"), not the job's own end.
  if (!known || isFinished(known) || (message.action !== undefined && !isCancelled)) return state;
  const { code, message: text, hint, fields } = message;
  return put(state, {
    ...confirmed(known),
    state: isCancelled ? 'cancelled' : 'failed',
    error: { code, message: text, hint, fields },
    position: null,
    etaSeconds: null,
  });
}

function applyOrder(state: JobsState, turns: Record<string, number>): JobsState {
  const moved = Object.entries(turns).flatMap(([id, turn]) => {
    const known = state.jobs[id];
    return known && known.turn !== turn ? [{ ...known, turn }] : [];
  });
  return moved.reduce(put, state);
}

function applyPreview(state: JobsState, event: Extract<LocalEvent, { type: 'preview' }>): JobsState {
  const known = state.jobs[event.jobId];
  if (!known || isFinished(known)) return state;
  if (known.previewStep !== undefined && event.step < known.previewStep) return state;
  return put(state, { ...known, previewUrl: event.url, previewStep: event.step });
}

function mapImages(state: JobsState, change: (images: Image[]) => Image[]): JobsState {
  const touched = Object.values(state.jobs)
    .map((job) => ({ job, images: change(job.images) }))
    .filter(
      ({ job, images }) => images.length !== job.images.length || images.some((image, i) => image !== job.images[i]),
    );
  return touched.reduce((next, { job, images }) => put(next, { ...job, images }), state);
}

function restoreImage(state: JobsState, image: Image): JobsState {
  const job = state.jobs[image.job_id];
  if (!job || job.images.some(({ id }) => id === image.id)) return state;
  return put(state, { ...job, images: [...job.images, image].sort((a, b) => a.index - b.index) });
}

function put(state: JobsState, view: JobView): JobsState {
  const jobs = { ...state.jobs, [view.id]: view };
  // UUIDv7 sorts by time, so the order does not depend on the order of arrival.
  const order = view.id in state.jobs ? state.order : [...state.order, view.id].sort();
  const finished = isFinished(view) ? order.filter((id) => jobs[id] && isFinished(jobs[id])) : [];
  if (finished.length <= MAX_FINISHED) return { jobs, order };
  return without({ jobs, order }, new Set(finished.slice(0, finished.length - MAX_FINISHED)));
}

function without(state: JobsState, ids: ReadonlySet<string>): JobsState {
  if (![...ids].some((id) => id in state.jobs)) return state;
  return {
    jobs: Object.fromEntries(Object.entries(state.jobs).filter(([id]) => !ids.has(id))),
    order: state.order.filter((id) => !ids.has(id)),
  };
}

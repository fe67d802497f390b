/** What the middle of the Generate page shows, as one union. Framework-free. */

import type { Image } from '../../api/types';
import { isFinished, type JobView } from '../../lib/jobs';

/** What the person wants to see: whatever happens newest, or one picture of theirs. */
export type Selection = { type: 'latest' } | { type: 'image'; image: Image };

export type StageView =
  | { type: 'empty' }
  | { type: 'active'; job: JobView; under: Image | undefined }
  | { type: 'failed'; job: JobView }
  | { type: 'images'; images: Image[]; index: number };

interface StageInput {
  selection: Selection;
  /** Oldest first. */
  jobs: readonly JobView[];
  /** Newest first. */
  history: readonly Image[];
  /** Which picture of a finished job's batch. */
  index: number;
}

export function stageView({ selection, jobs, history, index }: StageInput): StageView {
  if (selection.type === 'image') return imageView(selection.image, history, jobs);
  const active = jobs.filter((job) => !isFinished(job));
  const shown = active.find((job) => job.state === 'running') ?? active[0];
  if (shown) return { type: 'active', job: shown, under: history[0] };
  const last = jobs.findLast((job) => job.state !== 'cancelled');
  if (last?.state === 'failed') return { type: 'failed', job: last };
  const newest = history[0];
  if (!newest) return { type: 'empty' };
  const images = batchOf(newest, history, jobs);
  return { type: 'images', images, index: Math.min(index, images.length - 1) };
}

function imageView(image: Image, history: readonly Image[], jobs: readonly JobView[]): StageView {
  const images = batchOf(image, history, jobs);
  return {
    type: 'images',
    images,
    index: Math.max(
      0,
      images.findIndex(({ id }) => id === image.id),
    ),
  };
}

/** The pictures of the same job that are known, in their order. */
function batchOf(image: Image, history: readonly Image[], jobs: readonly JobView[]): Image[] {
  const fromHistory = history.filter(({ job_id }) => job_id === image.job_id);
  const known = new Set(fromHistory.map(({ id }) => id));
  const fromJob = (jobs.find(({ id }) => id === image.job_id)?.images ?? []).filter(({ id }) => !known.has(id));
  const batch = [...fromHistory, ...fromJob];
  return batch.some(({ id }) => id === image.id) ? batch.sort((a, b) => a.index - b.index) : [image];
}

/** Columns of the grid in which a batch of `count` pictures is previewed. */
export function gridColumns(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

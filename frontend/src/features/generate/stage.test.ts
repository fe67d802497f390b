import { describe, expect, it } from 'vitest';

import type { Image, JobState } from '../../api/types';
import type { JobView } from '../../lib/jobs';
import { gridColumns, stageView } from './stage';

const job = (id: string, state: JobState, images: Image[] = []) => ({ id, state, images }) as JobView;
const image = (id: string, job_id: string, index = 0) => ({ id, job_id, index }) as Image;
const latest = { type: 'latest' } as const;

describe('stageView', () => {
  it('is empty before the first picture', () => {
    expect(stageView({ selection: latest, jobs: [], history: [], index: 0 })).toEqual({ type: 'empty' });
  });

  it('prefers the running job to those that wait, over the newest picture', () => {
    const jobs = [job('a', 'queued'), job('b', 'running')];
    const view = stageView({ selection: latest, jobs, history: [image('1', 'z')], index: 0 });
    expect(view).toMatchObject({ type: 'active', job: { id: 'b' }, under: { id: '1' } });
  });

  it('shows the batch of the newest picture in its order', () => {
    const history = [image('3', 'b', 1), image('2', 'b', 0), image('1', 'a')];
    const view = stageView({ selection: latest, jobs: [job('b', 'done')], history, index: 1 });
    expect(view).toMatchObject({ type: 'images', images: [{ id: '2' }, { id: '3' }], index: 1 });
  });

  it('bounds the index when pictures were deleted', () => {
    const view = stageView({ selection: latest, jobs: [], history: [image('1', 'a')], index: 3 });
    expect(view).toMatchObject({ type: 'images', index: 0 });
  });

  it('shows a failure until something newer happens', () => {
    const history = [image('1', 'a')];
    expect(stageView({ selection: latest, jobs: [job('b', 'failed')], history, index: 0 }).type).toBe('failed');
    const later = [job('b', 'failed'), job('c', 'done')];
    expect(stageView({ selection: latest, jobs: later, history, index: 0 }).type).toBe('images');
  });

  it('goes back to the picture before when a job was cancelled', () => {
    const view = stageView({ selection: latest, jobs: [job('b', 'cancelled')], history: [image('1', 'a')], index: 0 });
    expect(view.type).toBe('images');
  });

  it('keeps a chosen picture while jobs run, also one that the list no longer has', () => {
    const chosen = image('9', 'old');
    const selection = { type: 'image', image: chosen } as const;
    const view = stageView({ selection, jobs: [job('b', 'running')], history: [], index: 0 });
    expect(view).toEqual({ type: 'images', images: [chosen], index: 0 });
  });
});

it('lays a batch out as the engine does: near to a square', () => {
  expect([1, 2, 3, 4, 5, 8].map(gridColumns)).toEqual([1, 2, 2, 2, 3, 3]);
});

import { describe, expect, it } from 'vitest';

import type { Image, Job, JobState, Params, ProgressMessage, ServerMessage } from '../api/types';
import { EMPTY_JOBS, MAX_FINISHED, PROGRESS_SILENCE_MS, isFinished, jobsReducer, remainingSeconds } from './jobs';
import type { JobsState, LocalEvent } from './jobs';

const NOW = 1_700_000_000_000;

const params: Params = {
  prompt: 'a red apple',
  negative_prompt: '',
  model: 'demo',
  model_id: 'm1',
  width: 512,
  height: 512,
  steps: 20,
  cfg_scale: 7,
  sampler: 'Euler',
  scheduler: 'Automatic',
  seed: 5,
  batch_size: 1,
  clip_skip: 0,
};

function job(id: string, state: JobState, extra: Partial<Job> = {}): Job {
  return {
    id,
    state,
    task: 'txt2img',
    created_at: '2026-11-23T06:00:00Z',
    started_at: null,
    finished_at: null,
    attempt: 0,
    params,
    progress: null,
    position: null,
    turn: 1,
    urgent: false,
    eta_seconds: null,
    error: null,
    images: [],
    ...extra,
  };
}

function image(id: string, jobId = 'a'): Image {
  return { id, job_id: jobId, index: 0, task: 'txt2img', favourite: false, created_at: 'x' } as Image;
}

function progress(id: string, step: number, extra: Partial<ProgressMessage['data']> = {}): ServerMessage {
  const data = { step, total: 20, status: 'denoising', job_id: id, eta_seconds: null, ...extra };
  return { type: 'progress', job_id: id, data };
}

const told = (data: Job): ServerMessage => ({ type: 'job', data });

function complete(id: string, images: Image[]): ServerMessage {
  const data = { images: [], metadata: params, paths: [], gdrive_ids: [], job_id: id, items: images };
  return { type: 'complete', job_id: id, data };
}

function error(code: string, extra: { job_id?: string; action?: string } = {}): ServerMessage {
  return { type: 'error', code, message: `It is ${code}.`, hint: 'Try again.', fields: {}, ...extra };
}

function run(events: (ServerMessage | LocalEvent)[], start: JobsState = EMPTY_JOBS, now = NOW): JobsState {
  return events.reduce((state, event) => jobsReducer(state, event, now), start);
}

/** mulberry32: small, seeded, good enough to shuffle. */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled<T>(items: readonly T[], next: () => number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}

describe('the life of a job', () => {
  it('goes from queued to done with its pictures', () => {
    let state = run([told(job('a', 'queued', { position: 3, eta_seconds: 40 }))]);
    expect(state.jobs.a).toMatchObject({ state: 'queued', position: 3, etaSeconds: 40 });
    state = run([told(job('a', 'running', { attempt: 1 })), progress('a', 3)], state);
    expect(state.jobs.a).toMatchObject({ state: 'running', attempt: 1, progress: { step: 3, total: 20 } });
    state = run([complete('a', [image('i1')])], state);
    expect(state.jobs.a).toMatchObject({ state: 'done', position: null, etaSeconds: null, images: [{ id: 'i1' }] });
    expect(state.jobs.a?.finished_at).not.toBeNull();
  });

  it('moves between queued and held', () => {
    const state = run([told(job('a', 'queued')), told(job('a', 'held')), told(job('a', 'queued', { position: 1 }))]);
    expect(state.jobs.a).toMatchObject({ state: 'queued', position: 1 });
  });

  it('fails with the error the server gave', () => {
    const state = run([told(job('a', 'running', { attempt: 1 })), error('out_of_memory', { job_id: 'a' })]);
    expect(state.jobs.a).toMatchObject({ state: 'failed', error: { code: 'out_of_memory', hint: 'Try again.' } });
  });

  it('is cancelled by the code "cancelled", also when it answers an action', () => {
    const state = run([told(job('a', 'running')), error('cancelled', { job_id: 'a', action: 'cancel_generation' })]);
    expect(state.jobs.a?.state).toBe('cancelled');
  });

  it('is not failed by a refused request about it', () => {
    const start = run([told(job('a', 'running'))]);
    expect(run([error('not_allowed', { job_id: 'a', action: 'cancel_generation' })], start)).toBe(start);
    expect(run([error('bad_message')], start)).toBe(start);
  });

  it('ignores news about nobody', () => {
    expect(run([progress('x', 1), error('failed', { job_id: 'x' })])).toBe(EMPTY_JOBS);
    expect(run([{ type: 'preview', jobId: 'x', step: 1, total: 2, url: 'blob:1' }])).toBe(EMPTY_JOBS);
  });

  it('learns of a job that is already complete', () => {
    const state = run([complete('a', [image('i1')])]);
    expect(state.jobs.a).toMatchObject({ state: 'done', params: { prompt: 'a red apple' }, images: [{ id: 'i1' }] });
  });
});

describe('late, lost and repeated messages', () => {
  it('ignores a place in the queue that comes after the start', () => {
    const start = run([told(job('a', 'queued')), told(job('a', 'running', { attempt: 1 }))]);
    expect(run([told(job('a', 'queued', { position: 2 }))], start)).toBe(start);
  });

  it('goes back into the queue when its worker was lost, without the old progress', () => {
    const state = run([
      told(job('a', 'running', { attempt: 1 })),
      progress('a', 15),
      { type: 'preview', jobId: 'a', step: 15, total: 20, url: 'blob:1' },
      told(job('a', 'queued', { attempt: 1, position: 1 })),
    ]);
    expect(state.jobs.a).toMatchObject({ state: 'queued', attempt: 1, position: 1, progress: null });
    expect(state.jobs.a?.previewUrl).toBeUndefined();
    expect(run([told(job('a', 'running', { attempt: 1 }))], state)).toBe(state);
    const again = run([told(job('a', 'running', { attempt: 2 })), progress('a', 2)], state);
    expect(again.jobs.a).toMatchObject({ state: 'running', attempt: 2, progress: { step: 2 } });
  });

  it('drops what belongs to a lower attempt', () => {
    const start = run([told(job('a', 'running', { attempt: 2 }))]);
    expect(run([told(job('a', 'failed', { attempt: 1 }))], start)).toBe(start);
  });

  it('revives a failed job that somebody queued again, but never a done one', () => {
    const failed = run([told(job('a', 'failed', { attempt: 1 }))]);
    expect(run([told(job('a', 'queued', { attempt: 2 }))], failed).jobs.a).toMatchObject({
      state: 'queued',
      error: null,
    });
    const done = run([complete('a', [image('i1')])]);
    expect(run([told(job('a', 'running', { attempt: 3 }))], done)).toBe(done);
  });

  it('takes a progress for the start of a queued job whose "running" was lost', () => {
    const state = run([told(job('a', 'queued', { position: 1 })), progress('a', 2)]);
    expect(state.jobs.a).toMatchObject({ state: 'running', attempt: 1, position: null });
    expect(run([told(job('a', 'queued', { position: 1 }))], state)).toBe(state);
    expect(run([told(job('a', 'running', { attempt: 1 }))], state).jobs.a?.progress?.step).toBe(2);
  });

  it('lets the step fall only after a silence', () => {
    const start = run([told(job('a', 'running')), progress('a', 10)]);
    expect(run([progress('a', 4)], start, NOW + 1000)).toBe(start);
    const later = run([progress('a', 4)], start, NOW + PROGRESS_SILENCE_MS + 1);
    expect(later.jobs.a?.progress?.step).toBe(4);
  });

  it('keeps pictures and error when `job` and `complete`/`error` tell the same end', () => {
    const done = job('a', 'done', { attempt: 1, finished_at: '2026-11-23T06:01:00Z' });
    expect(run([complete('a', [image('i1')]), told(done)]).jobs.a).toMatchObject({
      images: [{ id: 'i1' }],
      finished_at: '2026-11-23T06:01:00Z',
    });
    const failed = run([told(job('a', 'running')), error('broken', { job_id: 'a' }), told(job('a', 'failed'))]);
    expect(failed.jobs.a?.error?.code).toBe('broken');
  });

  it('reaches the same end whatever the order and the repetitions', () => {
    const history: ServerMessage[] = [
      told(job('a', 'queued', { position: 2 })),
      told(job('a', 'queued', { position: 1 })),
      told(job('a', 'running', { attempt: 1, started_at: 's' })),
      ...[1, 2, 5, 9, 14, 20].map((step) => progress('a', step)),
      told(job('a', 'queued', { attempt: 1 })),
      told(job('a', 'running', { attempt: 2, started_at: 's' })),
      ...[1, 7, 20].map((step) => progress('a', step)),
      told(job('a', 'done', { attempt: 2, images: [image('i1')], finished_at: 'f' })),
      complete('a', [image('i1')]),
      { type: 'models', data: { models: [], samplers: [], schedulers: [] } },
    ];
    for (let seed = 1; seed <= 300; seed++) {
      const next = random(seed);
      const events = shuffled([...history, ...history.filter(() => next() < 0.5)], next);
      const state = run(events);
      expect(state.order).toEqual(['a']);
      expect(state.jobs.a).toMatchObject({ state: 'done', images: [{ id: 'i1' }], position: null, etaSeconds: null });
    }
  });

  it('never lowers (attempt, state) on the way', () => {
    const rank = { running: 0, queued: 1, held: 1, done: 2, failed: 2, cancelled: 2 };
    const history: ServerMessage[] = [
      told(job('a', 'queued')),
      told(job('a', 'running', { attempt: 1 })),
      progress('a', 3),
      told(job('a', 'queued', { attempt: 1 })),
      told(job('a', 'running', { attempt: 2 })),
      told(job('a', 'failed', { attempt: 2, error: { code: 'x', message: '', hint: '', fields: {} } })),
    ];
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed);
      let state = EMPTY_JOBS;
      for (const event of shuffled([...history, ...history], next)) {
        const before = state.jobs.a;
        state = jobsReducer(state, event, NOW);
        const after = state.jobs.a;
        if (!before || !after) continue;
        expect(after.attempt).toBeGreaterThanOrEqual(before.attempt);
        if (after.attempt === before.attempt) expect(rank[after.state]).toBeGreaterThanOrEqual(rank[before.state]);
      }
      expect(state.jobs.a).toMatchObject({ state: 'failed', attempt: 2 });
    }
  });

  it('keeps many jobs apart and in order of their ids', () => {
    const ids = ['01', '02', '03', '04', '05'];
    const events = ids.flatMap((id) => [
      told(job(id, 'queued')),
      told(job(id, 'running', { attempt: 1 })),
      progress(id, 4),
    ]);
    for (let seed = 1; seed <= 50; seed++) {
      const state = run(shuffled(events, random(seed)));
      expect(state.order).toEqual(ids);
      expect(Object.values(state.jobs).every(({ state: s }) => s === 'running')).toBe(true);
    }
  });
});

describe('snapshots', () => {
  it('bring the unfinished jobs, and nothing else changes when they are repeated', () => {
    const snapshot: ServerMessage = {
      type: 'snapshot',
      data: { jobs: [job('a', 'running', { attempt: 1 }), job('b', 'queued')] },
    };
    const state = run([snapshot, snapshot]);
    expect(state.order).toEqual(['a', 'b']);
    expect(state.jobs.a?.stale).toBeUndefined();
  });

  it('mark unfinished jobs they do not know, leave finished ones alone, and news clears the mark', () => {
    const start = run([told(job('a', 'running')), complete('b', [image('i')]), told(job('c', 'queued'))]);
    const state = run([{ type: 'snapshot', data: { jobs: [job('c', 'queued', { position: 1 })] } }], start);
    expect(state.jobs.a?.stale).toBe(true);
    expect(state.jobs.b).toBe(start.jobs.b);
    expect(state.jobs.c).toMatchObject({ position: 1 });
    expect(run([told(job('a', 'done', { images: [image('i2')] }))], state).jobs.a?.stale).toBeUndefined();
  });

  it('are believed even about an earlier state', () => {
    const start = run([told(job('a', 'queued', { attempt: 1 }))]);
    const state = run([{ type: 'snapshot', data: { jobs: [job('a', 'running', { attempt: 1 })] } }], start);
    expect(state.jobs.a?.state).toBe('running');
  });

  it('do not undo an end that was told before', () => {
    const start = run([told(job('a', 'running', { attempt: 1 })), told(job('a', 'cancelled', { attempt: 1 }))]);
    expect(run([{ type: 'snapshot', data: { jobs: [job('a', 'running', { attempt: 1 })] } }], start)).toBe(start);
  });
});

describe('estimates', () => {
  it('prefers the server, else measures the step rate', () => {
    let state = run([told(job('a', 'running')), progress('a', 1)]);
    expect(state.jobs.a?.etaSeconds).toBeNull();
    state = run([progress('a', 5)], state, NOW + 2000); // half a second per step
    expect(state.jobs.a).toMatchObject({ secondsPerStep: 0.5, etaSeconds: 7.5 });
    state = run([progress('a', 6, { eta_seconds: 3 })], state, NOW + 2500);
    expect(state.jobs.a?.etaSeconds).toBe(3);
  });

  it('smooths a slow step instead of jumping', () => {
    let state = run([told(job('a', 'running')), progress('a', 1)]);
    state = run([progress('a', 2)], state, NOW + 1000);
    state = run([progress('a', 3)], state, NOW + 11_000);
    expect(state.jobs.a?.secondsPerStep).toBeCloseTo(1 + 0.3 * 9);
  });

  it('counts a repeated step as the same step', () => {
    let state = run([told(job('a', 'running')), progress('a', 1)]);
    state = run([progress('a', 1)], state, NOW + 500);
    state = run([progress('a', 2)], state, NOW + 1000);
    expect(state.jobs.a?.secondsPerStep).toBe(1);
  });

  it('counts down and stops at zero', () => {
    const state = run([told(job('a', 'queued', { eta_seconds: 10 }))]);
    const view = state.jobs.a!;
    expect(remainingSeconds(view, NOW + 4000)).toBe(6);
    expect(remainingSeconds(view, NOW + 60_000)).toBe(0);
    expect(remainingSeconds({ ...view, state: 'done' }, NOW)).toBeNull();
  });
});

describe('previews and pictures', () => {
  it('shows the newest preview and ignores an older one', () => {
    const state = run([
      told(job('a', 'running')),
      { type: 'preview', jobId: 'a', step: 4, total: 20, url: 'blob:4' },
      { type: 'preview', jobId: 'a', step: 2, total: 20, url: 'blob:2' },
    ]);
    expect(state.jobs.a).toMatchObject({ previewUrl: 'blob:4', previewStep: 4 });
  });

  it('follows a favourite and a deletion made elsewhere', () => {
    let state = run([complete('a', [image('i1'), image('i2')])]);
    state = run([{ type: 'image-changed', image: { ...image('i1'), favourite: true } }], state);
    expect(state.jobs.a?.images[0]?.favourite).toBe(true);
    state = run([{ type: 'image-removed', imageId: 'i1' }], state);
    expect(state.jobs.a?.images.map(({ id }) => id)).toEqual(['i2']);
    expect(run([{ type: 'image-removed', imageId: 'nobody' }], state)).toBe(state);
    state = run([{ type: 'image-restored', image: { ...image('i1'), index: -1 } }], state);
    expect(state.jobs.a?.images.map(({ id }) => id)).toEqual(['i1', 'i2']);
    expect(run([{ type: 'image-restored', image: image('i1') }], state)).toBe(state);
  });
});

describe('bounds', () => {
  it('keeps the newest finished jobs and every unfinished one', () => {
    const id = (n: number) => String(n).padStart(4, '0');
    const events = Array.from({ length: 80 }, (_, n) =>
      n % 8 === 0 ? told(job(id(n), 'queued')) : complete(id(n), [image(`i${n}`, id(n))]),
    );
    const state = run(shuffled(events, random(7)));
    const views = Object.values(state.jobs);
    expect(views.filter(isFinished)).toHaveLength(MAX_FINISHED);
    expect(views.filter((view) => !isFinished(view))).toHaveLength(10);
    expect(state.order).toHaveLength(MAX_FINISHED + 10);
    expect(state.order).toEqual([...state.order].sort());
    expect(state.jobs[id(79)]).toBeDefined();
    expect(state.jobs[id(1)]).toBeUndefined();
  });

  it('forgets on request', () => {
    const state = run([told(job('a', 'queued')), told(job('b', 'queued'))]);
    expect(run([{ type: 'forget', jobId: 'a' }], state).order).toEqual(['b']);
    expect(run([{ type: 'reset' }], state)).toEqual(EMPTY_JOBS);
  });
});

describe('the order of my waiting jobs and what is cleared', () => {
  const three = ['a', 'b', 'c'].reduce(
    (state, id, turn) => jobsReducer(state, told(job(id, 'queued', { turn }))),
    EMPTY_JOBS,
  );

  it('takes new turns of the jobs that moved, and of no others', () => {
    const moved = jobsReducer(three, { type: 'order', data: { turns: { a: 2, c: 0, unknown: 9 } } });
    expect(['a', 'b', 'c'].map((id) => moved.jobs[id]?.turn)).toEqual([2, 1, 0]);
    expect(moved.jobs.b).toBe(three.jobs.b);
  });

  it('changes nothing where the turns are known', () => {
    expect(jobsReducer(three, { type: 'order', data: { turns: { a: 0 } } })).toBe(three);
  });

  it('forgets what was taken off the list', () => {
    const left = jobsReducer(three, { type: 'cleared', data: { job_ids: ['a', 'c', 'unknown'] } });
    expect(left.order).toEqual(['b']);
  });
});

import { describe, expect, it } from 'vitest';

import type { JobRequest, Quote } from '../../api/types';
import { DEFAULT_LIMITS, withinMine } from './formState';
import { costKey, quoteParts } from './quote';

const request: JobRequest = { prompt: 'a fox', steps: 20, width: 512, height: 512, seed: 5, cfg_scale: 7 };
const quote: Quote = {
  cost_tflop: 1,
  gpu_seconds: 12,
  pictures: 1,
  position: 3,
  starts_in_seconds: 40,
  jobs_waiting: 3,
  jobs_waiting_limit: 10,
  allowed: true,
  refusal: null,
};

describe('the key of a cost', () => {
  it('is the same whatever is described', () => {
    const other = { ...request, prompt: 'a red apple, oil', negative_prompt: 'fog', seed: 9, cfg_scale: 5 };
    expect(costKey(other)).toBe(costKey(request));
  });

  it.each<Partial<JobRequest>>([
    { steps: 21 },
    { width: 520 },
    { batch_size: 2 },
    { prompt: 'a fox AND a hat' },
    { prompt: 'a fox <lora:art:0.8>' },
    { cfg_scale: 1 },
    { hires: { scale: 2 } },
  ])('is another with %o', (change) => {
    expect(costKey({ ...request, ...change })).not.toBe(costKey(request));
  });
});

describe('the parts of the line', () => {
  it('say cost, start and queue', () => {
    expect(quoteParts(quote)).toEqual([
      { key: 'gpu', seconds: 12 },
      { key: 'starts', seconds: 40 },
      { key: 'waitingOf', count: 3, limit: 10 },
    ]);
  });

  it('leave out what nobody knows', () => {
    const unknown = { gpu_seconds: null, starts_in_seconds: null, jobs_waiting: 0, jobs_waiting_limit: null };
    expect(quoteParts({ ...quote, ...unknown, position: 1 })).toEqual([]);
    expect(quoteParts({ ...quote, ...unknown, position: 4 })).toEqual([{ key: 'ahead', count: 3 }]);
    expect(quoteParts({ ...quote, ...unknown, position: null, jobs_waiting: 2 })).toEqual([
      { key: 'waiting', count: 2 },
    ]);
  });

  it('say when it starts at once', () => {
    expect(quoteParts({ ...quote, starts_in_seconds: 0.4 })[1]).toEqual({ key: 'now' });
  });
});

describe("the server's limits within mine", () => {
  it('are the smaller ones', () => {
    const mine = withinMine(DEFAULT_LIMITS, { largest_side: 768, steps: 30 });
    expect([mine.max_side, mine.max_steps]).toEqual([768, 30]);
    const generous = withinMine(DEFAULT_LIMITS, { largest_side: 10_000, steps: null });
    expect(generous).toEqual(DEFAULT_LIMITS);
    expect(withinMine(DEFAULT_LIMITS, undefined)).toEqual(DEFAULT_LIMITS);
  });

  it('leave a size that is possible', () => {
    expect(withinMine(DEFAULT_LIMITS, { largest_side: 10, steps: null }).max_side).toBe(DEFAULT_LIMITS.min_side);
  });
});

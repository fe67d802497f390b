/** What the form's request would cost, as a question that is asked seldom. Framework-free. */

import type { JobRequest, Quote } from '../../api/types';

/** Extra networks and the word that makes one prompt of two: all of a prompt that the cost depends on. */
const COSTS = /<[^>]*>|\bAND\b/g;

/** Two requests with the same key cost the same, so that writing prose asks nothing. */
export function costKey(request: JobRequest): string {
  const { prompt = '', cfg_scale = 1 } = request;
  const said = { prompt: prompt.match(COSTS) ?? [], negative_prompt: '', seed: 0, cfg_scale: cfg_scale > 1 };
  return JSON.stringify({ ...request, ...said });
}

export type QuotePart =
  | { key: 'gpu'; seconds: number }
  | { key: 'now' }
  | { key: 'starts'; seconds: number }
  | { key: 'ahead'; count: number }
  | { key: 'waitingOf'; count: number; limit: number }
  | { key: 'waiting'; count: number };

/** Below this many seconds a job starts at once, as far as a person can tell. */
const AT_ONCE_S = 2;

/** The parts of the line under the form, without those that nobody knows yet. */
export function quoteParts(quote: Quote): QuotePart[] {
  const parts: QuotePart[] = [];
  const { gpu_seconds: seconds, starts_in_seconds: startsIn, position, jobs_waiting: waiting } = quote;
  if (seconds !== null) parts.push({ key: 'gpu', seconds });
  if (startsIn !== null) parts.push(startsIn < AT_ONCE_S ? { key: 'now' } : { key: 'starts', seconds: startsIn });
  else if (position !== null && position > 1) parts.push({ key: 'ahead', count: position - 1 });
  if (quote.jobs_waiting_limit !== null)
    parts.push({ key: 'waitingOf', count: waiting, limit: quote.jobs_waiting_limit });
  else if (waiting > 0) parts.push({ key: 'waiting', count: waiting });
  return parts;
}

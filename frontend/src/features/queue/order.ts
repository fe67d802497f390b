/** The order of my own jobs in the list, and what moving one of them asks of the server. Framework-free. */
import type { Move } from '../../api/types';
import type { JobView } from '../../lib/jobs';

/** Those that run, the oldest first, and then the others in their turns. */
export function inOrder(jobs: readonly JobView[]): JobView[] {
  return [...jobs].sort((a, b) => {
    const running = Number(b.state === 'running') - Number(a.state === 'running');
    if (running !== 0) return running;
    return a.state === 'running' ? compare(a.id, b.id) : a.turn - b.turn || compare(a.id, b.id);
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * What to ask for when a job is dropped into a gap of the list; null when it would stay where it is.
 *
 * `order`: ids of the waiting jobs. `gap`: 0 is before the first, `order.length` behind the last.
 */
export function moveTo(order: readonly string[], id: string, gap: number): Move | null {
  const at = order.indexOf(id);
  if (at < 0 || gap === at || gap === at + 1) return null;
  const next = order[gap];
  return next === undefined ? { to: 'last' } : { before: next };
}

/** In which gap a pointer at height `y` is, by the upper edges and heights of the rows. */
export function gapAt(y: number, rows: readonly { top: number; height: number }[]): number {
  return rows.filter(({ top, height }) => y > top + height / 2).length;
}

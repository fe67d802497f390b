import { describe, expect, it } from 'vitest';

import type { JobView } from '../../lib/jobs';
import { gapAt, inOrder, moveTo } from './order';

function job(id: string, state: JobView['state'], turn: number): JobView {
  return { id, state, turn } as JobView;
}

describe('inOrder', () => {
  it('has those that run first, and the others in their turns, held ones among them', () => {
    const jobs = [
      job('a', 'queued', 3),
      job('b', 'held', 1),
      job('d', 'running', 0),
      job('c', 'running', 9),
      job('e', 'queued', 1),
    ];
    expect(inOrder(jobs).map(({ id }) => id)).toEqual(['c', 'd', 'b', 'e', 'a']);
  });
});

describe('moveTo', () => {
  const order = ['a', 'b', 'c'];

  it.each([
    ['c', 0, { before: 'a' }],
    ['c', 1, { before: 'b' }],
    ['a', 2, { before: 'c' }],
    ['a', 3, { to: 'last' }],
  ])('asks for a place before the next one, or the last', (id, gap, move) => {
    expect(moveTo(order, id, gap)).toEqual(move);
  });

  it.each([
    ['a', 0],
    ['a', 1],
    ['c', 2],
    ['c', 3],
    ['unknown', 1],
  ])('asks for nothing where it would stay', (id, gap) => {
    expect(moveTo(order, id, gap)).toBeNull();
  });
});

describe('gapAt', () => {
  const rows = [
    { top: 0, height: 50 },
    { top: 60, height: 50 },
  ];

  it.each([
    [-10, 0],
    [24, 0],
    [26, 1],
    [84, 1],
    [86, 2],
    [500, 2],
  ])('at %i is gap %i', (y, gap) => {
    expect(gapAt(y, rows)).toBe(gap);
  });
});

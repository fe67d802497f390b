import { describe, expect, it } from 'vitest';

import { NOTHING, everything, extended, pruned, toggled } from './selection';

const order = ['a', 'b', 'c', 'd', 'e'];

describe('selection', () => {
  it('switches one picture on and off', () => {
    const on = toggled(NOTHING, 'b');
    expect([...on.ids]).toEqual(['b']);
    expect(toggled(on, 'b').ids.size).toBe(0);
  });

  it('extends in both directions from the picture that was switched last', () => {
    const start = toggled(NOTHING, 'c');
    expect([...extended(start, 'e', order).ids].sort()).toEqual(['c', 'd', 'e']);
    expect([...extended(extended(start, 'e', order), 'b', order).ids].sort()).toEqual(['b', 'c', 'd', 'e']);
  });

  it('takes a range without a start for one picture', () => {
    expect([...extended(NOTHING, 'd', order).ids]).toEqual(['d']);
    expect([...extended({ ids: new Set(), anchor: 'gone' }, 'd', order).ids]).toEqual(['d']);
  });

  it('selects everything, and forgets what has gone', () => {
    const all = everything(order);
    expect(all.ids.size).toBe(5);
    expect(pruned(all, order)).toBe(all);
    expect([...pruned(all, ['a', 'c']).ids]).toEqual(['a', 'c']);
    expect(pruned(toggled(NOTHING, 'e'), ['a'])).toEqual(NOTHING);
  });
});

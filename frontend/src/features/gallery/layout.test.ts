import { describe, expect, it } from 'vitest';

import { GAP, gridLayout, nextIndex } from './layout';

describe('gridLayout', () => {
  it.each([
    [1336, 200, 6],
    [366, 200, 2],
    [366, 320, 2],
    [366, 120, 2],
    [100, 200, 2],
    [0, 200, 2],
  ])('%i px at %i px has %i columns', (width, wished, columns) => {
    expect(gridLayout(width, wished, 10).columns).toBe(columns);
  });

  it('fills the row without growing over it', () => {
    for (let width = 250; width < 2000; width += 37) {
      const { columns, tile } = gridLayout(width, 200, 10);
      const used = columns * tile + (columns - 1) * GAP;
      expect(used).toBeLessThanOrEqual(width);
      expect(width - used).toBeLessThan(columns);
    }
  });

  it('counts the rows', () => {
    expect(gridLayout(824, 200, 9)).toMatchObject({ columns: 4, tile: 200, rows: 3 });
    expect(gridLayout(824, 200, 0).rows).toBe(0);
  });
});

describe('nextIndex', () => {
  it.each([
    ['ArrowRight', 5, 6],
    ['ArrowLeft', 0, 0],
    ['ArrowDown', 5, 9],
    ['ArrowDown', 18, 19],
    ['ArrowUp', 2, 0],
    ['Home', 9, 0],
    ['End', 9, 19],
  ])('%s leads from %i to %i', (key, from, to) => {
    expect(nextIndex(key, from, 4, 20)).toBe(to);
  });

  it('leaves other keys and empty lists alone', () => {
    expect(nextIndex('x', 3, 4, 20)).toBeNull();
    expect(nextIndex('End', 0, 4, 0)).toBeNull();
  });
});

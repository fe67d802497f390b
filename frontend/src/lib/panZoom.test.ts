import { describe, expect, it } from 'vitest';

import { FITTED, actualScale, fittedSize, maxScale, panBy, swipeDirection, toggleZoom, zoomAt } from './panZoom';

const stage = { width: 800, height: 600 };
const square = { width: 1200, height: 1200 };
const small = { width: 64, height: 64 };

describe('fitting', () => {
  it.each([
    [square, { width: 600, height: 600 }],
    [
      { width: 2000, height: 500 },
      { width: 800, height: 200 },
    ],
    [small, { width: 600, height: 600 }],
  ])('keeps the shape of %o', (image, expected) => {
    expect(fittedSize(image, stage)).toEqual(expected);
  });

  it('knows where the real pixels are', () => {
    expect(actualScale(square, stage)).toBe(2);
    expect(maxScale(square, stage)).toBe(8);
    expect(maxScale(small, stage)).toBe(6);
  });
});

describe('zooming', () => {
  it('keeps the point under the cursor in its place', () => {
    const point = { x: 100, y: -50 };
    const view = zoomAt({ scale: 2, x: 30, y: 10 }, point, 1.5, square, stage);
    const under = (v: typeof view) => ({ x: (point.x - v.x) / v.scale, y: (point.y - v.y) / v.scale });
    expect(under(view).x).toBeCloseTo(under({ scale: 2, x: 30, y: 10 }).x);
    expect(under(view).y).toBeCloseTo(under({ scale: 2, x: 30, y: 10 }).y);
  });

  it('stays between fitted and the largest scale', () => {
    expect(zoomAt(FITTED, { x: 0, y: 0 }, 0.1, square, stage).scale).toBe(1);
    expect(zoomAt(FITTED, { x: 0, y: 0 }, 1000, square, stage).scale).toBe(8);
  });

  it('comes back to the centre when it is zoomed out', () => {
    const near = zoomAt(FITTED, { x: 300, y: 200 }, 4, square, stage);
    expect(zoomAt(near, { x: -300, y: -200 }, 0.01, square, stage)).toEqual(FITTED);
  });

  it('toggles between fitted and real pixels', () => {
    const near = toggleZoom(FITTED, { x: 10, y: 10 }, square, stage);
    expect(near.scale).toBe(2);
    expect(toggleZoom(near, { x: 10, y: 10 }, square, stage)).toEqual(FITTED);
    expect(toggleZoom(FITTED, { x: 0, y: 0 }, small, stage).scale).toBe(2.5);
  });
});

describe('panning', () => {
  it('stops at the edges', () => {
    const view = panBy({ scale: 2, x: 0, y: 0 }, 10_000, -10_000, square, stage);
    expect(view).toEqual({ scale: 2, x: 200, y: -300 });
  });

  it('does not move what fits', () => {
    expect(panBy(FITTED, 50, 50, square, stage)).toEqual(FITTED);
  });
});

describe('swiping', () => {
  it.each([
    [-80, 10, 'left'],
    [80, -10, 'right'],
    [5, 120, 'down'],
    [5, -120, null],
    [30, 0, null],
    [100, 90, null],
  ])('%i, %i is %s', (x, y, direction) => {
    expect(swipeDirection({ x: 0, y: 0 }, { x, y })).toBe(direction);
  });
});

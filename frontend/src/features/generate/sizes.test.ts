import { describe, expect, it } from 'vitest';

import { DEFAULT_LIMITS } from './formState';
import { isBeyondModel, sizePresets, snapSide } from './sizes';

describe('sizePresets', () => {
  it('puts the size of the model first and names none twice', () => {
    expect(sizePresets(128, [512, 768, 1024], DEFAULT_LIMITS)).toEqual([128, 512, 768, 1024]);
    expect(sizePresets(768, [512, 768, 1024], DEFAULT_LIMITS)).toEqual([768, 512, 1024]);
    expect(sizePresets(undefined, [512], DEFAULT_LIMITS)).toEqual([512]);
  });

  it('leaves out what the server refuses', () => {
    expect(sizePresets(128, [512, 1024], { ...DEFAULT_LIMITS, max_side: 768 })).toEqual([128, 512]);
  });
});

describe('snapSide', () => {
  it.each([
    [513, 512],
    [517, 520],
    [1, 64],
    [99999, 2048],
    [768, 768],
  ])('makes %i possible: %i', (typed, expected) => {
    expect(snapSide(typed, DEFAULT_LIMITS)).toBe(expected);
  });

  it('stays inside bounds that are no multiples themselves', () => {
    const odd = { min_side: 60, max_side: 100, side_multiple: 8 };
    expect(snapSide(0, odd)).toBe(64);
    expect(snapSide(100, odd)).toBe(96);
  });
});

it('warns beyond twice the size of the model', () => {
  expect(isBeyondModel(256, 256, 128)).toBe(false);
  expect(isBeyondModel(264, 128, 128)).toBe(true);
  expect(isBeyondModel(2048, 2048, undefined)).toBe(false);
});

/** Picture sizes: which to offer, and how to bend a number to one that is possible. Framework-free. */

import type { Limits } from '../../api/types';

type SideLimits = Pick<Limits, 'min_side' | 'max_side' | 'side_multiple'>;

/** Larger than this many times its own size a model repeats its subject. */
const COMFORTABLE_RATIO = 2;

/** Sides of the square presets: the model's own size first, then the usual ones that the server allows. */
export function sizePresets(native: number | undefined, usual: readonly number[], limits: SideLimits): number[] {
  const sides = native === undefined ? usual : [native, ...usual];
  return [...new Set(sides)].filter((side) => side >= limits.min_side && side <= limits.max_side);
}

/** The nearest possible side, in pixels. */
export function snapSide(value: number, limits: SideLimits): number {
  const { min_side: min, max_side: max, side_multiple: multiple } = limits;
  const snapped = Math.round(value / multiple) * multiple;
  return Math.min(Math.floor(max / multiple) * multiple, Math.max(Math.ceil(min / multiple) * multiple, snapped));
}

/** True when the model was not made for pictures this large. */
export function isBeyondModel(width: number, height: number, native: number | undefined): boolean {
  return native !== undefined && Math.max(width, height) > native * COMFORTABLE_RATIO;
}

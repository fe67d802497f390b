/** The grid's arithmetic. All lengths in CSS pixels. */
export const GAP = 8;
export const MIN_TILE = 120;
export const MAX_TILE = 320;
export const DEFAULT_TILE = 200;

const MIN_COLUMNS = 2;

export interface GridLayout {
  columns: number;
  /** Side of a tile: at least nearly the wished size, so that the row is filled. */
  tile: number;
  rows: number;
}

/** Fills a row of `width` with tiles of about `wished`; two columns at least, so that phones show a grid. */
export function gridLayout(width: number, wished: number, count: number): GridLayout {
  const columns = Math.max(MIN_COLUMNS, Math.floor((width + GAP) / (wished + GAP)));
  const tile = Math.max(1, Math.floor((width - GAP * (columns - 1)) / columns));
  return { columns, tile, rows: Math.ceil(count / columns) };
}

/** Where an arrow key leads; null for other keys. Stays inside the list. */
export function nextIndex(key: string, index: number, columns: number, count: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -columns * 3,
    PageDown: columns * 3,
    Home: -count,
    End: count,
  };
  const step = steps[key];
  if (step === undefined || count === 0) return null;
  return Math.min(count - 1, Math.max(0, index + step));
}

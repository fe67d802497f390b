import { useVirtualizer } from '@tanstack/react-virtual';
import type { VirtualItem } from '@tanstack/react-virtual';
import { useEffect } from 'react';
import type { RefObject } from 'react';

import { GAP } from './layout';
import type { GridLayout } from './layout';

/** Rows beyond the screen that are kept ready. */
const OVERSCAN = 3;
/** Rows before the end at which the next page is asked for. */
const LOAD_AHEAD_ROWS = 4;
/** Room above the first and below the focused row. */
const MARGIN = 16;
/** The selection bar floats over the lower edge. */
const SELECTION_BAR = 96;

interface VirtualRows {
  /** The rows on screen and a few around it. */
  visible: VirtualItem[];
  /** CSS pixels. */
  height: number;
  isNearEnd: boolean;
  scrollTo: (row: number) => void;
}

/** Which rows of a long grid need to exist. */
export function useVirtualRows(
  scroller: RefObject<HTMLElement | null>,
  { rows, tile }: GridLayout,
  selecting: boolean,
): VirtualRows {
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are not memoized here
  const virtual = useVirtualizer({
    count: rows,
    getScrollElement: () => scroller.current,
    estimateSize: () => tile + GAP,
    overscan: OVERSCAN,
    paddingStart: MARGIN,
    scrollPaddingStart: MARGIN,
    scrollPaddingEnd: selecting ? SELECTION_BAR : MARGIN,
  });
  // The rows' height changes with the window and with the slider.
  useEffect(() => virtual.measure(), [virtual, tile]);
  const visible = virtual.getVirtualItems();
  const last = visible.at(-1)?.index;
  return {
    visible,
    height: virtual.getTotalSize(),
    isNearEnd: last !== undefined && last >= rows - LOAD_AHEAD_ROWS,
    scrollTo: (row) => virtual.scrollToIndex(row),
  };
}

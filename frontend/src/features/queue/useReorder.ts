import { useRef, useState, type PointerEvent, type RefObject } from 'react';

import { gapAt } from './order';

interface Drag {
  id: string;
  gap: number;
}

interface Reorder {
  list: RefObject<HTMLOListElement | null>;
  /** What is being dragged, and the gap that it would fall into. */
  drag: Drag | null;
  /** For the handle of a row. */
  handleProps: (id: string) => {
    onPointerDown: (event: PointerEvent) => void;
    onPointerMove: (event: PointerEvent) => void;
    onPointerUp: () => void;
    onPointerCancel: () => void;
  };
}

/** Dragging rows of a list with a mouse, a pen or a finger. Rows that may move carry `data-movable`. */
export function useReorder(onDrop: (id: string, gap: number) => void): Reorder {
  const list = useRef<HTMLOListElement>(null);
  const [drag, setDrag] = useState<Drag | null>(null);

  const gapUnder = (event: PointerEvent): number => {
    const rows = list.current?.querySelectorAll('[data-movable]') ?? [];
    return gapAt(
      event.clientY,
      Array.from(rows, (row) => row.getBoundingClientRect()),
    );
  };

  return {
    list,
    drag,
    handleProps: (id) => ({
      onPointerDown: (event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ id, gap: gapUnder(event) });
      },
      onPointerMove: (event) => {
        if (drag?.id === id) setDrag({ id, gap: gapUnder(event) });
      },
      onPointerUp: () => {
        // Where the line was shown, not what has moved under the pointer since: jobs end while one is dragged.
        if (drag?.id === id) onDrop(id, drag.gap);
        setDrag(null);
      },
      onPointerCancel: () => setDrag(null),
    }),
  };
}

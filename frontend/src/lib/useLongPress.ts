import { useEffect, useRef } from 'react';
import type { MouseEvent, PointerEvent } from 'react';

const PRESS_MS = 450;
const MAX_MOVE_PX = 10;

interface Press {
  x: number;
  y: number;
  timer: ReturnType<typeof setTimeout>;
}

interface LongPress {
  handlers: {
    onPointerDown: (event: PointerEvent) => void;
    onPointerMove: (event: PointerEvent) => void;
    onPointerUp: () => void;
    onPointerCancel: () => void;
    onContextMenu: (event: MouseEvent) => void;
  };
  /** True for the click that ends a long press: it means nothing else. */
  wasLong: () => boolean;
}

function hasMoved(press: Press, event: PointerEvent): boolean {
  return Math.hypot(event.clientX - press.x, event.clientY - press.y) > MAX_MOVE_PX;
}

/** A finger that rests on an element. Mice and pens have better ways and are ignored. */
export function useLongPress(onLongPress: () => void, enabled: boolean): LongPress {
  const press = useRef<Press | null>(null);
  const fired = useRef(false);
  const touching = useRef(false);

  const end = () => {
    if (press.current) clearTimeout(press.current.timer);
    press.current = null;
  };
  useEffect(() => end, []);
  const fire = () => {
    fired.current = true;
    press.current = null;
    if ('vibrate' in navigator) navigator.vibrate(10);
    onLongPress();
  };

  const wasLong = () => {
    const was = fired.current;
    fired.current = false;
    return was;
  };
  return {
    wasLong,
    handlers: {
      onPointerDown: (event) => {
        fired.current = false;
        touching.current = enabled && event.pointerType === 'touch';
        if (touching.current) press.current = { x: event.clientX, y: event.clientY, timer: setTimeout(fire, PRESS_MS) };
      },
      onPointerMove: (event) => {
        if (press.current && hasMoved(press.current, event)) end();
      },
      onPointerUp: end,
      onPointerCancel: end,
      // A finger's long press is ours; the right button keeps the browser's menu ("Save image").
      onContextMenu: (event) => touching.current && event.preventDefault(),
    },
  };
}

import { useRef, useState } from 'react';
import type { PointerEvent } from 'react';

import { swipeDirection } from '../lib/panZoom';
import type { Point, SwipeDirection } from '../lib/panZoom';

interface GestureHandlers {
  /** Moves the picture by CSS pixels. */
  onPan: (dx: number, dy: number) => void;
  /** Zooms by a factor around a point from the stage's centre. */
  onPinch: (point: Point, factor: number) => void;
  /** One finger drew a line; the caller knows whether that meant a pan. */
  onSwipe: (direction: SwipeDirection) => void;
}

interface Gesture {
  /** Where the first finger came down. */
  start: Point;
  pointers: Map<number, Point>;
  wasPinch: boolean;
}

interface ZoomGestures {
  isMoving: boolean;
  handlers: Record<
    'onPointerDown' | 'onPointerMove' | 'onPointerUp' | 'onPointerCancel',
    (event: PointerEvent<HTMLElement>) => void
  >;
}

/** One pointer pans or swipes, two pinch. */
export function useZoomGestures({ onPan, onPinch, onSwipe }: GestureHandlers): ZoomGestures {
  const gesture = useRef<Gesture | null>(null);
  const [isMoving, setIsMoving] = useState(false);

  const down = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    gesture.current ??= { start: pointOf(event), pointers: new Map(), wasPinch: false };
    gesture.current.pointers.set(event.pointerId, pointOf(event));
    gesture.current.wasPinch ||= gesture.current.pointers.size > 1;
    setIsMoving(true);
  };
  const move = (event: PointerEvent<HTMLElement>) => {
    const pointers = gesture.current?.pointers;
    const before = pointers?.get(event.pointerId);
    if (!pointers || !before) return;
    const now = pointOf(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (other) onPinch(fromCentre(event), distance(now, other) / Math.max(1, distance(before, other)));
    onPan((now.x - before.x) / pointers.size, (now.y - before.y) / pointers.size);
  };
  const up = (event: PointerEvent<HTMLElement>) => {
    const current = gesture.current;
    current?.pointers.delete(event.pointerId);
    if (!current || current.pointers.size > 0) return;
    gesture.current = null;
    setIsMoving(false);
    if (event.type !== 'pointerup' || event.pointerType !== 'touch' || current.wasPinch) return;
    const direction = swipeDirection(current.start, pointOf(event));
    if (direction) onSwipe(direction);
  };
  return { isMoving, handlers: { onPointerDown: down, onPointerMove: move, onPointerUp: up, onPointerCancel: up } };
}

/** A mouse position from the centre of the element that listens. */
export function fromCentre(event: { clientX: number; clientY: number; currentTarget: EventTarget | null }): Point {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
}

function pointOf(event: PointerEvent): Point {
  return { x: event.clientX, y: event.clientY };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

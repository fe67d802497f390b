/** Zooming and panning a picture in a stage, as pure arithmetic. Framework-free. */

/** `scale` 1 fits the stage; `x`, `y` move the picture's centre away from the stage's, in CSS pixels. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export const FITTED: View = { scale: 1, x: 0, y: 0 };

const MIN_ZOOM_RANGE = 6;

/** The largest size of the picture's shape inside the stage. */
export function fittedSize(image: Size, stage: Size): Size {
  const factor = Math.min(stage.width / image.width, stage.height / image.height);
  return { width: image.width * factor, height: image.height * factor };
}

/** The scale at which one pixel of the picture is one CSS pixel. */
export function actualScale(image: Size, stage: Size): number {
  return image.width / fittedSize(image, stage).width;
}

export function maxScale(image: Size, stage: Size): number {
  return Math.max(MIN_ZOOM_RANGE, actualScale(image, stage) * 4);
}

/** Zooms by `factor` so that what lies under `point` (from the stage's centre) stays there. */
export function zoomAt(view: View, point: Point, factor: number, image: Size, stage: Size): View {
  const scale = Math.min(maxScale(image, stage), Math.max(1, view.scale * factor));
  const ratio = scale / view.scale;
  const moved = { scale, x: point.x - (point.x - view.x) * ratio, y: point.y - (point.y - view.y) * ratio };
  return clamped(moved, image, stage);
}

export function panBy(view: View, dx: number, dy: number, image: Size, stage: Size): View {
  return clamped({ ...view, x: view.x + dx, y: view.y + dy }, image, stage);
}

/** Double click: to the real pixels (or closer when they already fit), and back. */
export function toggleZoom(view: View, point: Point, image: Size, stage: Size): View {
  if (view.scale > 1.01) return FITTED;
  const actual = actualScale(image, stage);
  return zoomAt(view, point, actual > 1.2 ? actual : 2.5, image, stage);
}

/** Never lets an edge come further in than the stage's, nor a small side move at all. */
function clamped(view: View, image: Size, stage: Size): View {
  if (view.scale <= 1) return FITTED;
  const fitted = fittedSize(image, stage);
  const spareX = Math.max(0, (fitted.width * view.scale - stage.width) / 2);
  const spareY = Math.max(0, (fitted.height * view.scale - stage.height) / 2);
  return {
    scale: view.scale,
    x: Math.min(spareX, Math.max(-spareX, view.x)),
    y: Math.min(spareY, Math.max(-spareY, view.y)),
  };
}

export type SwipeDirection = 'left' | 'right' | 'down';

const SWIPE_PX = 60;
const SWIPE_DOWN_PX = 90;
/** How much longer one side of the way must be than the other. */
const SWIPE_STRAIGHTNESS = 1.5;

/** Which way a finger went; null when it hardly moved or went askew. */
export function swipeDirection(from: Point, to: Point): SwipeDirection | null {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const isSideways = Math.abs(dx) > SWIPE_PX && Math.abs(dx) > Math.abs(dy) * SWIPE_STRAIGHTNESS;
  if (isSideways) return dx < 0 ? 'left' : 'right';
  return dy > SWIPE_DOWN_PX && dy > Math.abs(dx) * SWIPE_STRAIGHTNESS ? 'down' : null;
}

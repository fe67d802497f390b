import { useEffect, useEffectEvent, useImperativeHandle, useState } from 'react';
import type { Ref, RefObject } from 'react';

import type { Image } from '../api/types';
import { FITTED, fittedSize, panBy, toggleZoom, zoomAt } from '../lib/panZoom';
import type { Point, Size, SwipeDirection, View } from '../lib/panZoom';
import { useElementSize } from '../lib/useElementSize';
import classes from './Lightbox.module.css';
import { fromCentre, useZoomGestures } from './useZoomGestures';

const WHEEL_SPEED = 0.0022;
/** A pinch on a touchpad comes as a wheel with Ctrl and small numbers. */
const TOUCHPAD_SPEED = 0.0088;

export interface ZoomControl {
  /** Zooms around the middle. */
  zoomBy: (factor: number) => void;
  fit: () => void;
}

interface ZoomStageProps {
  image: Image;
  /** A swipe of one finger while the picture fits. */
  onSwipe: (direction: SwipeDirection) => void;
  ref: Ref<ZoomControl>;
}

/** One picture that can be zoomed by wheel, pinch and double click, and moved when it is larger than its stage. */
export function ZoomStage({ image, onSwipe, ref }: ZoomStageProps) {
  const [stageRef, stage] = useElementSize<HTMLDivElement>();
  const [view, setView] = useState<View>(FITTED);
  const zoom = (point: Point, factor: number) => setView((known) => zoomAt(known, point, factor, image, stage));
  const { isMoving, handlers } = useZoomGestures({
    onPan: (dx, dy) => setView((known) => panBy(known, dx, dy, image, stage)),
    onPinch: zoom,
    onSwipe: (direction) => view.scale === 1 && onSwipe(direction),
  });
  useImperativeHandle(ref, () => ({
    zoomBy: (factor) => zoom({ x: 0, y: 0 }, factor),
    fit: () => setView(FITTED),
  }));
  useWheelZoom(stageRef, zoom);

  return (
    <div
      ref={stageRef}
      className={classes.stage}
      data-zoomed={view.scale > 1 || undefined}
      data-moving={isMoving || undefined}
      {...handlers}
      onDoubleClick={(event) => {
        const point = fromCentre(event);
        setView((known) => toggleZoom(known, point, image, stage));
      }}
    >
      {stage.width > 0 && stage.height > 0 && <Picture image={image} size={fittedSize(image, stage)} view={view} />}
    </div>
  );
}

/** The original over its thumbnail, which is there at once. */
function Picture({ image, size, view }: { image: Image; size: Size; view: View }) {
  const [isLoaded, setIsLoaded] = useState(false);
  return (
    <div
      className={classes.picture}
      style={{ ...size, transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
    >
      {!isLoaded && <img src={image.thumbnail_url} alt="" draggable={false} />}
      <img
        src={image.url}
        alt={image.prompt}
        draggable={false}
        className={classes.original}
        onLoad={() => setIsLoaded(true)}
      />
    </div>
  );
}

/** React's own wheel listener is passive, so the page behind would scroll or zoom. */
function useWheelZoom(target: RefObject<HTMLElement | null>, zoom: (point: Point, factor: number) => void): void {
  const onWheel = useEffectEvent((event: WheelEvent) => {
    event.preventDefault();
    // Some mice count lines instead of pixels.
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
    zoom(fromCentre(event), Math.exp(-pixels * (event.ctrlKey ? TOUCHPAD_SPEED : WHEEL_SPEED)));
  });
  useEffect(() => {
    const element = target.current;
    element?.addEventListener('wheel', onWheel, { passive: false });
    return () => element?.removeEventListener('wheel', onWheel);
  }, [target]);
}

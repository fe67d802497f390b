import { Button } from '@mantine/core';
import { useEffect, useEffectEvent, useRef } from 'react';
import type { CSSProperties, KeyboardEvent, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../../api/types';
import { ImageTile } from '../../components/ImageTile';
import { useElementSize } from '../../lib/useElementSize';
import classes from './GalleryGrid.module.css';
import { GAP, gridLayout, nextIndex } from './layout';
import type { Selection } from './selection';
import { useRovingFocus } from './useRovingFocus';
import type { RovingFocus } from './useRovingFocus';
import { useVirtualRows } from './useVirtualRows';

interface GalleryGridProps {
  images: readonly Image[];
  tileSize: number;
  selection: Selection;
  selecting: boolean;
  onOpen: (index: number) => void;
  onToggle: (image: Image, range: boolean) => void;
  /** Keys on a picture that the page answers. */
  onKey: (event: KeyboardEvent, image: Image) => void;
  hasMore: boolean;
  isLoadingMore: boolean;
  hasFailedMore: boolean;
  onMore: () => void;
}

/** The pictures in rows, of which only those near the screen exist. Arrow keys move, one picture is in the tab order. */
export function GalleryGrid(props: GalleryGridProps) {
  const { images, tileSize, selecting, onKey } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [inner, { width }] = useElementSize<HTMLDivElement>();
  // Nothing can be placed before the width is known.
  const layout = gridLayout(width, tileSize, width > 0 ? images.length : 0);
  const { columns, tile } = layout;
  const rows = useVirtualRows(scroller, layout, selecting);
  const focus = useRovingFocus(images.length, (index) => rows.scrollTo(Math.floor(index / columns)));
  useNearEnd(props, rows.isNearEnd);

  const keyDown = (event: KeyboardEvent) => {
    const to = event.ctrlKey || event.metaKey ? null : nextIndex(event.key, focus.current, columns, images.length);
    const image = images[focus.current];
    if (to === null) return image && onKey(event, image);
    event.preventDefault();
    focus.moveTo(to);
  };
  const cells = rows.visible.flatMap(({ index: row, start }) =>
    images.slice(row * columns, (row + 1) * columns).map((image, column) => {
      const place = { width: tile, transform: `translate(${column * (tile + GAP)}px, ${start}px)` };
      return (
        <Cell key={image.id} {...props} image={image} index={row * columns + column} focus={focus} place={place} />
      );
    }),
  );
  return (
    <div ref={scroller} className={classes.scroller} data-selecting={selecting || undefined}>
      <div ref={inner} className={classes.inner}>
        <List height={rows.height} onKeyDown={keyDown}>
          {cells}
        </List>
        {props.isLoadingMore && <SkeletonTiles count={columns} columns={columns} />}
        {props.hasFailedMore && !props.isLoadingMore && <MoreFailed onRetry={props.onMore} />}
      </div>
    </div>
  );
}

function List(props: { height: number; onKeyDown: (event: KeyboardEvent) => void; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div
      role="list"
      aria-label={t('gallery.title')}
      className={classes.rows}
      style={{ height: props.height }}
      onKeyDown={props.onKeyDown}
    >
      {props.children}
    </div>
  );
}

interface CellProps extends GalleryGridProps {
  image: Image;
  index: number;
  focus: RovingFocus;
  place: CSSProperties;
}

function Cell({ image, index, focus, place, images, hasMore, selection, selecting, onOpen, onToggle }: CellProps) {
  return (
    <div
      role="listitem"
      aria-setsize={hasMore ? -1 : images.length}
      aria-posinset={index + 1}
      className={classes.cell}
      style={place}
    >
      <ImageTile
        ref={focus.refFor(index)}
        image={image}
        selected={selection.ids.has(image.id)}
        selecting={selecting}
        tabIndex={index === focus.current ? 0 : -1}
        onFocus={() => focus.set(index)}
        onOpen={() => onOpen(index)}
        onToggleSelect={onToggle}
      />
    </div>
  );
}

function MoreFailed({ onRetry }: { onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <div className={classes.more}>
      <span>{t('gallery.moreFailed')}</span>
      <Button variant="default" onClick={onRetry}>
        {t('common.retry')}
      </Button>
    </div>
  );
}

/** The grid before anything is known. */
export function GallerySkeleton({ tileSize }: { tileSize: number }) {
  const [inner, { width }] = useElementSize<HTMLDivElement>();
  const { columns } = gridLayout(width, tileSize, 0);
  return (
    <div className={classes.scroller} aria-busy>
      <div ref={inner} className={`${classes.inner} ${classes.first}`}>
        {width > 0 && <SkeletonTiles count={columns * 4} columns={columns} />}
      </div>
    </div>
  );
}

function SkeletonTiles({ count, columns }: { count: number; columns: number }) {
  return (
    <div className={classes.skeletons} style={{ gridTemplateColumns: `repeat(${columns}, 1fr)` }} aria-hidden>
      {Array.from({ length: count }, (_, i) => (
        <div key={i} className={classes.skeleton} />
      ))}
    </div>
  );
}

/** Asks for the next page when the end comes near; after a failure only the person asks again. */
function useNearEnd(
  { hasMore, isLoadingMore, hasFailedMore, onMore, images }: GalleryGridProps,
  isNear: boolean,
): void {
  const ask = useEffectEvent(onMore);
  const wants = isNear && hasMore && !isLoadingMore && !hasFailedMore;
  useEffect(() => {
    if (wants) ask();
  }, [wants, images.length]);
}

import { IconCheck, IconPhotoOff, IconStar, IconStarFilled } from '@tabler/icons-react';
import { useState } from 'react';
import type { DragEvent, KeyboardEvent, MouseEvent, Ref } from 'react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../api/types';
import { useImageActions } from '../features/gallery/useImageActions';
import { placeholderUrl } from '../lib/thumbhash';
import { useLongPress } from '../lib/useLongPress';
import classes from './ImageTile.module.css';

/** The picture's id, for drop zones of this portal. */
export const IMAGE_DRAG_TYPE = 'application/x-sdweb-image';

export interface ImageTileProps {
  image: Image;
  onOpen: (image: Image) => void;
  selected?: boolean;
  /** Something is selected: a click selects instead of opening. */
  selecting?: boolean;
  /** Without it the picture cannot be selected. `range`: Shift was held. */
  onToggleSelect?: (image: Image, range: boolean) => void;
  /** -1 where arrow keys move the focus. */
  tabIndex?: number;
  onFocus?: () => void;
  ref?: Ref<HTMLButtonElement>;
}

/** One picture of a grid or a strip: square, with a star, and a check mark where pictures can be selected. */
export function ImageTile(props: ImageTileProps) {
  const { image, selected = false, selecting = false, onToggleSelect, tabIndex = 0 } = props;
  return (
    <div className={classes.tile} data-selected={selected || undefined} data-selecting={selecting || undefined}>
      <OpenButton {...props} />
      {onToggleSelect && (
        <CheckMark isOn={selected} tabIndex={tabIndex} onClick={(event) => onToggleSelect(image, event.shiftKey)} />
      )}
      {!selecting && <Star image={image} tabIndex={tabIndex} />}
    </div>
  );
}

function OpenButton(props: ImageTileProps) {
  const { image, selected, tabIndex = 0, onFocus, ref } = props;
  const { t } = useTranslation();
  const handlers = useOpenOrSelect(props);
  const prompt = image.prompt || t('gallery.noPrompt');
  return (
    <button
      ref={ref}
      type="button"
      className={classes.open}
      aria-label={t(selected ? 'gallery.openSelected' : 'gallery.open', { prompt })}
      tabIndex={tabIndex}
      draggable={canDrag()}
      onFocus={onFocus}
      onDragStart={(event) => startDrag(event, image)}
      {...handlers}
    >
      <Thumbnail image={image} />
    </button>
  );
}

/** A click opens; within a selection, with Shift or Ctrl it selects, and so do the space bar and a long press. */
function useOpenOrSelect({ image, onOpen, selecting, onToggleSelect }: ImageTileProps) {
  const longPress = useLongPress(() => onToggleSelect?.(image, false), onToggleSelect !== undefined);
  const onClick = (event: MouseEvent) => {
    if (longPress.wasLong()) return;
    const isSelecting = selecting || event.shiftKey || event.ctrlKey || event.metaKey;
    if (onToggleSelect && isSelecting) onToggleSelect(image, event.shiftKey);
    else onOpen(image);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== ' ' || !onToggleSelect) return;
    event.preventDefault();
    onToggleSelect(image, event.shiftKey);
  };
  return { ...longPress.handlers, onClick, onKeyDown };
}

interface CheckMarkProps {
  isOn: boolean;
  tabIndex: number;
  onClick: (event: MouseEvent) => void;
}

function CheckMark({ isOn, tabIndex, onClick }: CheckMarkProps) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      role="checkbox"
      aria-checked={isOn}
      aria-label={t('gallery.select')}
      className={classes.check}
      tabIndex={tabIndex}
      onClick={onClick}
    >
      <IconCheck size={16} stroke={2.5} aria-hidden />
    </button>
  );
}

function Thumbnail({ image }: { image: Image }) {
  const [state, setState] = useState<'loading' | 'shown' | 'broken'>('loading');
  const placeholder = placeholderUrl(image.thumbhash);
  return (
    <span className={classes.frame} style={placeholder ? { backgroundImage: `url(${placeholder})` } : undefined}>
      {state === 'broken' ? (
        <IconPhotoOff size={24} stroke={1.5} aria-hidden className={classes.broken} />
      ) : (
        <img
          src={image.thumbnail_url}
          alt=""
          loading="lazy"
          decoding="async"
          draggable={false}
          data-state={state}
          onLoad={() => setState('shown')}
          onError={() => setState('broken')}
        />
      )}
    </span>
  );
}

function Star({ image, tabIndex }: { image: Image; tabIndex: number }) {
  const { t } = useTranslation();
  const { setFavourite } = useImageActions();
  const Icon = image.favourite ? IconStarFilled : IconStar;
  return (
    <button
      type="button"
      className={classes.star}
      aria-pressed={image.favourite}
      aria-label={t('gallery.favourite')}
      title={t(image.favourite ? 'gallery.unfavourite' : 'gallery.favourite')}
      tabIndex={tabIndex}
      onClick={() => void setFavourite([image], !image.favourite)}
    >
      <Icon size={18} aria-hidden />
    </button>
  );
}

/** On a touch screen the long press would start dragging instead of selecting. */
function canDrag(): boolean {
  return window.matchMedia('(pointer: fine)').matches;
}

function startDrag(event: DragEvent, image: Image): void {
  const address = new URL(image.url, document.baseURI).toString();
  event.dataTransfer.effectAllowed = 'copyLink';
  event.dataTransfer.setData(IMAGE_DRAG_TYPE, image.id);
  event.dataTransfer.setData('text/uri-list', address);
  event.dataTransfer.setData('text/plain', address);
}

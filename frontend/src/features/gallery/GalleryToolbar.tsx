import { ActionIcon, Button, CloseButton, Slider, TextInput, Tooltip } from '@mantine/core';
import { IconPhoto, IconSearch, IconSquareCheck, IconStar, IconStarFilled } from '@tabler/icons-react';
import { useEffect, useEffectEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';

import classes from './GalleryToolbar.module.css';
import { MAX_TILE, MIN_TILE } from './layout';
import type { GallerySearch } from './search';

const TYPING_PAUSE_MS = 300;

interface GalleryToolbarProps {
  search: GallerySearch;
  onSearch: (search: GallerySearch) => void;
  /** Loaded pictures; null while nobody knows. */
  count: number | null;
  hasMore: boolean;
  tileSize: number;
  onTileSize: (size: number) => void;
  selecting: boolean;
  onSelecting: (on: boolean) => void;
}

export function GalleryToolbar({ search, onSearch, count, hasMore, ...props }: GalleryToolbarProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.bar}>
      <div className={classes.title}>
        <h1>{t('gallery.title')}</h1>
        <span className={classes.count} role="status">
          {count === null ? '' : t('gallery.count', { count, shown: hasMore ? `${count}+` : `${count}` })}
        </span>
      </div>
      <SearchBox text={search.q ?? ''} onText={(q) => onSearch({ ...search, q })} />
      <FavouritesSwitch
        isOn={search.favourite === true}
        onChange={(isOn) => onSearch({ q: search.q, favourite: isOn ? true : undefined })}
      />
      <TileSize size={props.tileSize} onSize={props.onTileSize} />
      <Button
        variant="default"
        className={classes.select}
        leftSection={<IconSquareCheck size={18} stroke={1.75} aria-hidden />}
        aria-pressed={props.selecting}
        disabled={!count}
        onClick={() => props.onSelecting(!props.selecting)}
      >
        {t(props.selecting ? 'gallery.selectDone' : 'gallery.selectMode')}
      </Button>
    </div>
  );
}

function FavouritesSwitch({ isOn, onChange }: { isOn: boolean; onChange: (isOn: boolean) => void }) {
  const { t } = useTranslation();
  const Icon = isOn ? IconStarFilled : IconStar;
  return (
    <Tooltip label={t('gallery.onlyFavourites')}>
      <ActionIcon
        variant="default"
        className={classes.toggle}
        aria-label={t('gallery.onlyFavourites')}
        aria-pressed={isOn}
        onClick={() => onChange(!isOn)}
      >
        <Icon size={20} stroke={1.75} color={isOn ? 'var(--warn)' : undefined} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}

function TileSize({ size, onSize }: { size: number; onSize: (size: number) => void }) {
  const { t } = useTranslation();
  return (
    <div className={classes.size}>
      <IconPhoto size={16} stroke={1.75} aria-hidden />
      <Slider
        min={MIN_TILE}
        max={MAX_TILE}
        step={20}
        value={size}
        onChange={onSize}
        label={null}
        thumbLabel={t('gallery.tileSize')}
        className={classes.slider}
      />
      <IconPhoto size={22} stroke={1.75} aria-hidden />
    </div>
  );
}

/** Tells what was typed after a pause, so that not every letter asks the server. */
function SearchBox({ text, onText }: { text: string; onText: (text: string) => void }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(text);
  const [sent, setSent] = useState<string | null>(null);
  const [shown, setShown] = useState(text);
  if (text !== shown) {
    setShown(text);
    // Our own text has arrived in the address; anything else ("Clear filters") came from outside.
    if (text === sent) setSent(null);
    else setDraft(text);
  }
  const send = useEffectEvent((wanted: string) => {
    setSent(wanted);
    onText(wanted);
  });
  useEffect(() => {
    if (draft === text) return;
    const timer = setTimeout(() => send(draft), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [draft, text]);
  return (
    <TextInput
      type="search"
      className={classes.search}
      placeholder={t('gallery.search')}
      aria-label={t('gallery.search')}
      leftSection={<IconSearch size={18} stroke={1.75} aria-hidden />}
      rightSection={
        draft && <CloseButton size="sm" aria-label={t('gallery.clearSearch')} onClick={() => setDraft('')} />
      }
      value={draft}
      onChange={(event) => setDraft(event.currentTarget.value)}
    />
  );
}

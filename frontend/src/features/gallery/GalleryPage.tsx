import type { KeyboardEvent } from 'react';
import { useState } from 'react';

import type { Image } from '../../api/types';
import { Lightbox } from '../../components/Lightbox';
import { SHORTCUTS, matches } from '../../lib/shortcuts';
import { GalleryGrid, GallerySkeleton } from './GalleryGrid';
import classes from './GalleryPage.module.css';
import { LoadFailed, NoMatch, NothingYet } from './GalleryStates';
import { GalleryToolbar } from './GalleryToolbar';
import { SelectionBar } from './SelectionBar';
import { filterOf, isFiltered } from './search';
import { useGallerySearch } from './useGallerySearch';
import { useImageActions } from './useImageActions';
import { useImageList } from './useImageList';
import type { ImageList } from './useImageList';
import { useSelection } from './useSelection';
import type { SelectionControl } from './useSelection';
import { useTileSize } from './useTileSize';

/** Pictures before the end of the loaded ones at which the full-screen view asks for more. */
const LIGHTBOX_LOAD_AHEAD = 5;

/** All my pictures. */
export default function GalleryPage() {
  const [search, setSearch] = useGallerySearch();
  const [tileSize, setTileSize] = useTileSize();
  const list = useImageList(filterOf(search));
  const selection = useSelection(list.images);
  return (
    <div className={classes.page}>
      <GalleryToolbar
        search={search}
        onSearch={setSearch}
        count={list.status === 'success' ? list.images.length : null}
        hasMore={list.hasMore}
        tileSize={tileSize}
        onTileSize={setTileSize}
        selecting={selection.isOn}
        onSelecting={selection.setOn}
      />
      <div className={classes.body} data-outdated={list.isOutdated || undefined}>
        <Contents
          list={list}
          tileSize={tileSize}
          selection={selection}
          filtered={isFiltered(search)}
          onClearFilters={() => setSearch({})}
        />
      </div>
    </div>
  );
}

interface ContentsProps {
  list: ImageList;
  tileSize: number;
  selection: SelectionControl;
  filtered: boolean;
  onClearFilters: () => void;
}

function Contents({ list, tileSize, selection, filtered, onClearFilters }: ContentsProps) {
  const [opened, setOpened] = useState<{ id: string; index: number } | null>(null);
  const { images, status, loadMore } = list;
  const onKey = useTileKeys(selection);
  if (status === 'pending') return <GallerySkeleton tileSize={tileSize} />;
  if (status === 'error' && images.length === 0) return <LoadFailed error={list.error} onRetry={list.retry} />;
  if (images.length === 0) return filtered ? <NoMatch onClear={onClearFilters} /> : <NothingYet />;

  const open = (index: number) => {
    const image = images[index];
    setOpened(image ? { id: image.id, index } : null);
    if (index >= images.length - LIGHTBOX_LOAD_AHEAD) loadMore();
  };
  return (
    <>
      <GalleryGrid
        images={images}
        tileSize={tileSize}
        selection={selection.value}
        selecting={selection.isOn}
        onOpen={open}
        onToggle={selection.toggle}
        onKey={onKey}
        hasMore={list.hasMore}
        isLoadingMore={list.isLoadingMore}
        hasFailedMore={list.hasFailedMore}
        onMore={loadMore}
      />
      {selection.isOn && <Selected selection={selection} />}
      <Lightbox images={images} index={indexOf(images, opened)} onIndex={open} onClose={() => setOpened(null)} />
    </>
  );
}

function Selected({ selection }: { selection: SelectionControl }) {
  const { setFavourite, trash } = useImageActions();
  const { images, all, clear } = selection;
  return (
    <SelectionBar
      images={images}
      onFavourite={(favourite) => void setFavourite(images, favourite)}
      onDelete={() => {
        clear();
        void trash(images);
      }}
      onAll={all}
      onClear={clear}
    />
  );
}

/** The keys that mean something on a picture of the grid, besides those that move. */
function useTileKeys(selection: SelectionControl): (event: KeyboardEvent, image: Image) => void {
  const { setFavourite, trash } = useImageActions();
  return (event, image) => {
    const isKey = (keys: string) => matches(event.nativeEvent, keys);
    if (isKey('mod+A')) selection.all();
    else if (event.key === 'Escape' && selection.isOn) selection.clear();
    else if (isKey(SHORTCUTS.favourite.keys)) void setFavourite([image], !image.favourite);
    else if (isKey(SHORTCUTS.delete.keys)) void trash(selection.images.length > 0 ? selection.images : [image]);
    else return;
    event.preventDefault();
  };
}

/** Where the opened picture is now: new ones may have come before it. Deleted: its neighbour. Closed: -1. */
function indexOf(images: readonly Image[], opened: { id: string; index: number } | null): number {
  if (!opened) return -1;
  const found = images.findIndex(({ id }) => id === opened.id);
  return found >= 0 ? found : Math.min(opened.index, images.length - 1);
}

/**
 * Keeps the cached image lists true without fetching them again: a long gallery is dozens of pages, and refetching
 * all of them after every picture would eat the request limit of its owner.
 */
import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query';

import { queryKeys } from '../api/client';
import type { Image, ImageFilter, Page } from '../api/types';

type ImagePage = Page<Image>;
type CachedList = ImagePage | InfiniteData<ImagePage, unknown>;

/** New pictures go into the lists without a filter; filtered lists are fetched when they are next opened. */
export function cacheAddImages(client: QueryClient, images: readonly Image[]): void {
  if (images.length === 0) return;
  for (const [key, data] of cachedLists(client)) {
    if (isUnfiltered(key))
      client.setQueryData(
        key,
        mapPages(data, (pages) => withInserted(pages, images)),
      );
  }
  void client.invalidateQueries({ queryKey: queryKeys.images, refetchType: 'none' });
}

/** Replaces the picture wherever it is shown. */
export function cacheReplaceImage(client: QueryClient, image: Image): void {
  const replace = (item: Image) => (item.id === image.id ? image : item);
  for (const [key, data] of cachedLists(client)) {
    const change = (pages: ImagePage[]) => pages.map((page) => ({ ...page, items: page.items.map(replace) }));
    client.setQueryData(key, mapPages(data, change));
  }
}

/**
 * Takes the pictures out of every list. Returns a function that puts some of them back where they were, and leaves
 * alone what has changed in the meantime.
 */
export function cacheRemoveImages(client: QueryClient, images: readonly Image[]): (restored: readonly Image[]) => void {
  const ids = new Set(images.map(({ id }) => id));
  const homes: [QueryKey, Set<string>][] = [];
  for (const [key, data] of cachedLists(client)) {
    const here = pagesOf(data).flatMap((page) => page.items.flatMap(({ id }) => (ids.has(id) ? [id] : [])));
    if (here.length === 0) continue;
    homes.push([key, new Set(here)]);
    const change = (pages: ImagePage[]) =>
      pages.map((page) => ({ ...page, items: page.items.filter(({ id }) => !ids.has(id)) }));
    client.setQueryData(key, mapPages(data, change));
  }
  return (restored) => {
    for (const [key, here] of homes) {
      const data = client.getQueryData<CachedList>(key);
      const back = restored.filter(({ id }) => here.has(id));
      if (data)
        client.setQueryData(
          key,
          mapPages(data, (pages) => withInserted(pages, back)),
        );
    }
  };
}

function cachedLists(client: QueryClient): [QueryKey, CachedList][] {
  const lists = client.getQueriesData<CachedList>({ queryKey: [...queryKeys.images, 'list'] });
  return lists.flatMap(([key, data]) => (data ? [[key, data]] : []));
}

function pagesOf(data: CachedList): ImagePage[] {
  return 'pages' in data ? data.pages : [data];
}

function mapPages(data: CachedList, change: (pages: ImagePage[]) => ImagePage[]): CachedList {
  if ('pages' in data) return { ...data, pages: change(data.pages) };
  return change([data])[0] ?? data;
}

function withInserted(pages: ImagePage[], images: readonly Image[]): ImagePage[] {
  return images.reduce(withOne, pages);
}

/** Newest first, as the server sorts (UUIDv7 ids sort by time). What belongs after the loaded part comes with it. */
function withOne(pages: ImagePage[], image: Image): ImagePage[] {
  if (pages.some((page) => page.items.some(({ id }) => id === image.id))) return pages;
  const at = pages.findIndex((page) => page.next_cursor === null || page.items.some(({ id }) => id < image.id));
  return pages.map((page, i) => {
    if (i !== at) return page;
    const before = page.items.filter(({ id }) => id > image.id);
    return { ...page, items: [...before, image, ...page.items.slice(before.length)] };
  });
}

function isUnfiltered(key: QueryKey): boolean {
  const filter = key[2] as ImageFilter | undefined;
  return !filter || (!filter.q && !filter.task && filter.favourite === undefined);
}

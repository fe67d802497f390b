import { QueryClient } from '@tanstack/react-query';
import type { InfiniteData } from '@tanstack/react-query';
import { beforeEach, describe, expect, it } from 'vitest';

import { queryKeys } from '../api/client';
import type { Image, Page } from '../api/types';
import { cacheAddImages, cacheRemoveImages, cacheReplaceImage } from './imageCache';

const all = queryKeys.imageList({});
const starred = queryKeys.imageList({ favourite: true });

function image(id: string): Image {
  return { id, favourite: false } as Image;
}

function pages(...ids: string[][]): InfiniteData<Page<Image>> {
  return {
    pages: ids.map((page, i) => ({ items: page.map(image), next_cursor: i < ids.length - 1 ? 'more' : null })),
    pageParams: ids.map(() => null),
  };
}

let client: QueryClient;
const idsOf = (key: readonly unknown[]) =>
  client.getQueryData<InfiniteData<Page<Image>>>(key)?.pages.map((page) => page.items.map(({ id }) => id));

beforeEach(() => {
  client = new QueryClient();
  client.setQueryData(all, pages(['8', '6'], ['4', '2']));
  client.setQueryData(starred, pages(['6']));
});

describe('the cached image lists', () => {
  it('take new pictures at the top of the unfiltered list only, once', () => {
    cacheAddImages(client, [image('9'), image('8')]);
    cacheAddImages(client, [image('9')]);
    expect(idsOf(all)).toEqual([
      ['9', '8', '6'],
      ['4', '2'],
    ]);
    expect(idsOf(starred)).toEqual([['6']]);
    expect(client.getQueryState(starred)?.isInvalidated).toBe(true);
  });

  it('keep the order of the server when pictures come late', () => {
    cacheAddImages(client, [image('7')]);
    expect(idsOf(all)?.[0]).toEqual(['8', '7', '6']);
  });

  it('also work for a list of one page', () => {
    client.setQueryData(all, { items: [image('2')], next_cursor: null });
    cacheAddImages(client, [image('3')]);
    expect(client.getQueryData<Page<Image>>(all)?.items.map(({ id }) => id)).toEqual(['3', '2']);
  });

  it('leave to the next page what belongs there', () => {
    client.setQueryData(all, { pages: [{ items: [image('8')], next_cursor: 'more' }], pageParams: [null] });
    cacheAddImages(client, [image('3')]);
    expect(idsOf(all)).toEqual([['8']]);
  });

  it('replace a picture everywhere', () => {
    cacheReplaceImage(client, { ...image('6'), favourite: true });
    for (const key of [all, starred]) {
      const items = client.getQueryData<InfiniteData<Page<Image>>>(key)?.pages.flatMap((page) => page.items);
      expect(items?.find(({ id }) => id === '6')?.favourite).toBe(true);
    }
  });

  it('lose deleted pictures and get them back in their places, beside what came in between', () => {
    const restore = cacheRemoveImages(client, [image('6'), image('2')]);
    expect(idsOf(all)).toEqual([['8'], ['4']]);
    expect(idsOf(starred)).toEqual([[]]);
    cacheAddImages(client, [image('9')]);
    restore([image('6'), image('2')]);
    // Where two pages meet, either is right: the list reads the same.
    expect(idsOf(all)?.flat()).toEqual(['9', '8', '6', '4', '2']);
    expect(idsOf(starred)).toEqual([['6']]);
  });

  it('take back only what is restored', () => {
    const restore = cacheRemoveImages(client, [image('6'), image('2')]);
    restore([image('2')]);
    expect(idsOf(all)).toEqual([['8'], ['4', '2']]);
  });
});

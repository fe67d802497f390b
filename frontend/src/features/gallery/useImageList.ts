import { hashKey, keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import type { InfiniteData, QueryKey } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';

import { api, queryKeys } from '../../api/client';
import type { Image, ImageFilter, Page } from '../../api/types';

const PAGE_SIZE = 60;
/** A list that nobody looks at keeps so many: coming back fetches every kept page again. */
const KEPT_PAGES = 2;

export interface ImageList {
  images: Image[];
  status: 'pending' | 'error' | 'success';
  error: unknown;
  /** More exist than are loaded. */
  hasMore: boolean;
  isLoadingMore: boolean;
  /** The last attempt to load more failed. */
  hasFailedMore: boolean;
  /** The pictures on screen belong to the filter before; the new ones are on their way. */
  isOutdated: boolean;
  loadMore: () => void;
  retry: () => void;
}

/** My pictures, newest first, page by page. */
export function useImageList(filter: ImageFilter): ImageList {
  const queryKey = [...queryKeys.imageList(filter), 'pages'];
  useTrimmedWhenLeft(queryKey);
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => api.images({ ...filter, cursor: pageParam, limit: PAGE_SIZE }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    // The events keep the list true; looking away and back must not fetch dozens of pages.
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = query;
  const images = useMemo(() => withoutRepetitions(data?.pages.flatMap((page) => page.items) ?? []), [data]);
  return {
    images,
    status: query.status,
    error: query.error,
    hasMore: hasNextPage,
    isLoadingMore: isFetchingNextPage,
    hasFailedMore: query.isFetchNextPageError,
    isOutdated: query.isPlaceholderData,
    loadMore: () => {
      if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
    },
    retry: () => void refetch(),
  };
}

function useTrimmedWhenLeft(queryKey: QueryKey): void {
  const client = useQueryClient();
  const key = hashKey(queryKey);
  useEffect(
    () => () => {
      client.setQueryData<InfiniteData<Page<Image>>>(JSON.parse(key) as QueryKey, trimmed, { updatedAt: 1 });
    },
    [client, key],
  );
}

/** Undefined leaves the list as it is. */
function trimmed(list: InfiniteData<Page<Image>> | undefined): InfiniteData<Page<Image>> | undefined {
  if (!list || list.pages.length <= KEPT_PAGES) return undefined;
  return { pages: list.pages.slice(0, KEPT_PAGES), pageParams: list.pageParams.slice(0, KEPT_PAGES) };
}

/** A picture that came by the socket and again with a page would have one key twice. */
function withoutRepetitions(images: Image[]): Image[] {
  const seen = new Set<string>();
  return images.filter(({ id }) => !seen.has(id) && seen.add(id));
}

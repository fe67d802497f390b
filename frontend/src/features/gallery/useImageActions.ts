import { useQueryClient } from '@tanstack/react-query';
import type { QueryClient } from '@tanstack/react-query';
import i18next from 'i18next';
import { useMemo } from 'react';

import { api, queryKeys } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { Image } from '../../api/types';
import { cacheRemoveImages, cacheReplaceImage } from '../../lib/imageCache';
import { useJobs } from '../../lib/jobsStore';
import { toast, toastError } from '../../lib/toast';

const UNDO_MS = 10_000;
/** Requests at a time: a big selection must not look like an attack to the rate limit. */
const AT_A_TIME = 4;
/** The server allows so many requests a minute; a large selection waits for its turn instead of failing. */
const PAUSE_MS = 10_000;
const MAX_PAUSES = 7;

export interface ImageActions {
  /** Shows the change at once and takes it back when the server refuses. */
  setFavourite: (images: readonly Image[], favourite: boolean) => Promise<void>;
  /** Moves the pictures to the trash; a toast offers to take that back for ten seconds. */
  trash: (images: readonly Image[]) => Promise<void>;
}

/** What can be done with pictures, wherever they are shown. */
export function useImageActions(): ImageActions {
  const client = useQueryClient();
  return useMemo(
    () => ({
      setFavourite: (images, favourite) => setFavourite(client, images, favourite),
      trash: (images) => trash(client, images),
    }),
    [client],
  );
}

async function setFavourite(client: QueryClient, images: readonly Image[], favourite: boolean): Promise<void> {
  const changing = images.filter((image) => image.favourite !== favourite);
  for (const image of changing) show(client, { ...image, favourite });
  const { failed, error } = await forEach(changing, ({ id }) => api.setFavourite(id, favourite));
  for (const image of failed) show(client, image);
  // The list of favourites is fetched when it is next opened: a picture must not vanish under the finger.
  void client.invalidateQueries({ queryKey: queryKeys.images, refetchType: 'none' });
  if (failed.length > 0) toastError(error, () => void setFavourite(client, failed, favourite));
}

async function trash(client: QueryClient, images: readonly Image[]): Promise<void> {
  const putBack = hide(client, images);
  const { done, failed, error } = await forEach(images, ({ id }) => api.deleteImage(id));
  if (failed.length > 0) {
    putBack(failed);
    toastError(error, () => void trash(client, failed));
  }
  void client.invalidateQueries({ queryKey: queryKeys.images, refetchType: 'none' });
  if (done.length === 0) return;
  toast({
    title: i18next.t('gallery.trashed', { count: done.length }),
    autoClose: UNDO_MS,
    action: { label: i18next.t('common.undo'), run: () => void restore(done, putBack) },
  });
}

async function restore(images: readonly Image[], putBack: (images: readonly Image[]) => void): Promise<void> {
  const { done, failed, error } = await forEach(images, ({ id }) => api.restoreImage(id));
  putBack(done);
  if (failed.length > 0) toastError(error, () => void restore(failed, putBack));
}

function show(client: QueryClient, image: Image): void {
  cacheReplaceImage(client, image);
  useJobs.getState().dispatch({ type: 'image-changed', image });
}

/** Takes the pictures off every screen; the returned function brings some of them back. */
function hide(client: QueryClient, images: readonly Image[]): (restored: readonly Image[]) => void {
  const { dispatch } = useJobs.getState();
  const putBackIntoLists = cacheRemoveImages(client, images);
  for (const { id } of images) dispatch({ type: 'image-removed', imageId: id });
  return (restored) => {
    putBackIntoLists(restored);
    for (const image of restored) dispatch({ type: 'image-restored', image });
  };
}

interface Outcome {
  done: Image[];
  failed: Image[];
  /** The first refusal. */
  error: unknown;
}

/** Does the same with every picture, a few at a time. */
async function forEach(images: readonly Image[], send: (image: Image) => Promise<unknown>): Promise<Outcome> {
  const outcome: Outcome = { done: [], failed: [], error: undefined };
  const waiting = [...images];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const image = next;
      try {
        await patiently(() => send(image));
        outcome.done.push(image);
      } catch (error) {
        outcome.error ??= error;
        outcome.failed.push(image);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return outcome;
}

async function patiently(send: () => Promise<unknown>): Promise<void> {
  for (let pauses = 0; ; pauses++) {
    try {
      await send();
      return;
    } catch (error) {
      const isTooFast = error instanceof ApiError && error.status === 429;
      if (!isTooFast || pauses === MAX_PAUSES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

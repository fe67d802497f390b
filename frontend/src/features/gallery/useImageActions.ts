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
/** Pictures that the server takes in one request. */
const AT_ONCE = 200;

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
  const { failed, error } = await inParts(changing, (ids) => api.setFavourites(ids, favourite));
  for (const image of failed) show(client, image);
  // The list of favourites is fetched when it is next opened: a picture must not vanish under the finger.
  void client.invalidateQueries({ queryKey: queryKeys.images, refetchType: 'none' });
  if (failed.length > 0) toastError(error, () => void setFavourite(client, failed, favourite));
}

async function trash(client: QueryClient, images: readonly Image[]): Promise<void> {
  const putBack = hide(client, images);
  const { done, failed, error } = await inParts(images, api.trashImages);
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
  const { done, failed, error } = await inParts(images, api.restoreImages);
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

/** Does the same with all pictures, as few requests as there can be; what the server leaves out has failed. */
async function inParts(
  images: readonly Image[],
  send: (ids: string[]) => Promise<{ ids: string[] }>,
): Promise<Outcome> {
  const outcome: Outcome = { done: [], failed: [], error: undefined };
  for (let start = 0; start < images.length; start += AT_ONCE) {
    const part = images.slice(start, start + AT_ONCE);
    try {
      const done = new Set((await send(part.map(({ id }) => id))).ids);
      outcome.done.push(...part.filter(({ id }) => done.has(id)));
      const missing = part.filter(({ id }) => !done.has(id));
      outcome.failed.push(...missing);
      if (missing.length > 0) outcome.error ??= new ApiError(404, { code: 'picture_gone' });
    } catch (error) {
      outcome.error ??= error;
      outcome.failed.push(...part);
    }
  }
  return outcome;
}

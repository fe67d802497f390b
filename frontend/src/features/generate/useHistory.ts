import { useImageList, type ImageList } from '../gallery/useImageList';

/** My pictures, newest first: the gallery's own unfiltered list, into which the events put new pictures. */
export function useHistory(): ImageList {
  return useImageList({});
}

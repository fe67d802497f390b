import { useNavigate, useSearch } from '@tanstack/react-router';

import { parseGallerySearch } from './search';
import type { GallerySearch } from './search';

/** The filter in the address, and how to change it. Typing does not fill the browser's history. */
export function useGallerySearch(): [GallerySearch, (search: GallerySearch) => void] {
  const search = parseGallerySearch(useSearch({ strict: false }));
  const navigate = useNavigate();
  return [search, (next) => void navigate({ to: '/gallery', search: parseGallerySearch({ ...next }), replace: true })];
}

/** The gallery's filter in the address: `#/gallery?q=apple&favourite=true`. */
import type { ImageFilter } from '../../api/types';

export interface GallerySearch {
  q?: string;
  favourite?: true;
}

/** Reads the address's search parameters; what is not ours or not valid is left out. */
export function parseGallerySearch(search: Record<string, unknown>): GallerySearch {
  // The router reads `q=42` as a number.
  const q = typeof search.q === 'string' || typeof search.q === 'number' ? String(search.q) : '';
  return { ...(q && { q }), ...(search.favourite === true && { favourite: true }) };
}

export function filterOf({ q, favourite }: GallerySearch): ImageFilter {
  return { ...(q?.trim() && { q: q.trim() }), ...(favourite && { favourite }) };
}

export function isFiltered(search: GallerySearch): boolean {
  return Object.keys(filterOf(search)).length > 0;
}

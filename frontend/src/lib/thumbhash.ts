import { thumbHashToDataURL } from 'thumbhash';

/** Placeholders on screen and around it; one is about 4 kB of text. */
const MAX_CACHED = 400;

const cache = new Map<string, string | null>();

/** A blurred picture of about 32 pixels as a data URL; null when the hash is empty or broken. `hash`: base64. */
export function placeholderUrl(hash: string): string | null {
  const known = cache.get(hash);
  if (known !== undefined) return known;
  const url = decode(hash);
  const oldest = cache.keys().next();
  if (cache.size >= MAX_CACHED && !oldest.done) cache.delete(oldest.value);
  cache.set(hash, url);
  return url;
}

function decode(hash: string): string | null {
  // A shorter hash has no room for its header; the decoder would read beyond its end.
  if (hash.length < 8) return null;
  try {
    return thumbHashToDataURL(Uint8Array.from(atob(hash), (char) => char.charCodeAt(0)));
  } catch {
    return null;
  }
}

import { rgbaToThumbHash } from 'thumbhash';
import { describe, expect, it } from 'vitest';

import { placeholderUrl } from './thumbhash';

function hashOf(red: number): string {
  const pixels = Array.from({ length: 64 }, () => [red, 20, 20, 255]).flat();
  return btoa(String.fromCharCode(...rgbaToThumbHash(8, 8, pixels)));
}

describe('placeholderUrl', () => {
  it('makes a picture of a hash and remembers it', () => {
    const url = placeholderUrl(hashOf(200));
    expect(url).toMatch(/^data:image\/png;base64,/);
    expect(placeholderUrl(hashOf(200))).toBe(url);
    expect(placeholderUrl(hashOf(10))).not.toBe(url);
  });

  it.each(['', 'AAAA', '*** not base64 ***'])('has nothing for %j', (hash) => {
    expect(placeholderUrl(hash)).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';

import { Previews } from './previews';

function setUp() {
  const live = new Set<string>();
  let count = 0;
  const previews = new Previews({
    create: () => {
      const url = `blob:${++count}`;
      live.add(url);
      return url;
    },
    revoke: (url) => {
      expect(live.delete(url)).toBe(true);
    },
  });
  return { previews, live };
}

const jpeg = new Blob(['x'], { type: 'image/jpeg' });

describe('Previews', () => {
  it('keeps the frame that may still be decoding and revokes the older ones', () => {
    const { previews, live } = setUp();
    previews.put('a', jpeg);
    previews.put('a', jpeg);
    expect([...live]).toEqual(['blob:1', 'blob:2']);
    expect(previews.put('a', jpeg)).toBe('blob:3');
    expect([...live]).toEqual(['blob:2', 'blob:3']);
  });

  it('leaves nothing behind after a hundred frames and a release', () => {
    const { previews, live } = setUp();
    for (let i = 0; i < 100; i++) previews.put('a', jpeg);
    expect(live.size).toBe(2);
    previews.release('a');
    expect(live.size).toBe(0);
    expect(previews.size).toBe(0);
  });

  it('releases only the jobs that are no longer kept', () => {
    const { previews, live } = setUp();
    previews.put('a', jpeg);
    const kept = previews.put('b', jpeg);
    previews.releaseExcept((id) => id === 'b');
    expect([...live]).toEqual([kept]);
    previews.releaseAll();
    expect(live.size).toBe(0);
  });

  it('ignores a job without a preview', () => {
    const { previews } = setUp();
    expect(() => previews.release('nobody')).not.toThrow();
  });
});

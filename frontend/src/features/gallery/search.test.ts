import { describe, expect, it } from 'vitest';

import { filterOf, isFiltered, parseGallerySearch } from './search';

describe('parseGallerySearch', () => {
  it('takes what is ours', () => {
    expect(parseGallerySearch({ q: 'apple', favourite: true, page: 3 })).toEqual({ q: 'apple', favourite: true });
    expect(parseGallerySearch({ q: 42 })).toEqual({ q: '42' });
  });

  it('leaves out what is empty or wrong', () => {
    expect(parseGallerySearch({ q: '', favourite: false })).toEqual({});
    expect(parseGallerySearch({ q: ['x'], favourite: 'yes' })).toEqual({});
  });
});

describe('filterOf', () => {
  it('asks the server only for what is set', () => {
    expect(filterOf({})).toEqual({});
    expect(filterOf({ q: '  red apple ' })).toEqual({ q: 'red apple' });
    expect(filterOf({ q: '   ', favourite: true })).toEqual({ favourite: true });
    expect(isFiltered({ q: '  ' })).toBe(false);
    expect(isFiltered({ favourite: true })).toBe(true);
  });
});

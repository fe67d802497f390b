import { describe, expect, it } from 'vitest';

import { sourceText, standing } from './enhancement';

const last = { original: 'a cat', result: 'a cat, oil painting' };

describe('the wand', () => {
  it('varies the words of the person, not its own', () => {
    expect(sourceText(last, 'a cat, oil painting')).toBe('a cat');
  });

  it('takes what was edited since as the new words of the person', () => {
    expect(sourceText(last, 'a cat, oil painting, blue')).toBe('a cat, oil painting, blue');
    expect(sourceText(null, 'a dog')).toBe('a dog');
  });

  it('can be undone only while its result stands', () => {
    expect(standing(last, 'a cat, oil painting')).toBe(last);
    expect(standing(last, 'a cat')).toBeNull();
    expect(standing(null, '')).toBeNull();
  });
});

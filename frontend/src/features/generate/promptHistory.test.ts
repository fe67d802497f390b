import { expect, it } from 'vitest';

import { remember, step } from './promptHistory';

it('remembers each prompt once, newest first', () => {
  expect(remember(['b', 'a'], ' a ')).toEqual(['a', 'b']);
  expect(remember(['a'], '  ')).toEqual(['a']);
});

it('forgets the oldest', () => {
  const many = Array.from({ length: 50 }, (_, i) => `p${i}`);
  expect(remember(many, 'new')).toHaveLength(50);
});

it('walks older and newer and stops at the ends', () => {
  const history = ['c', 'b', 'a'];
  expect(step(history, 'something else', 1)).toBe('c');
  expect(step(history, 'c', 1)).toBe('b');
  expect(step(history, 'a', 1)).toBeNull();
  expect(step(history, 'b', -1)).toBe('c');
  expect(step(history, 'c', -1)).toBeNull();
});

// @vitest-environment jsdom
import { expect, it } from 'vitest';

import { isSingleKey, isTyping, matches } from './shortcuts';

function press(key: string, code: string, modifiers: object = {}) {
  return { key, code, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...modifiers };
}

it('takes letters by their place, so that they work in a Cyrillic layout', () => {
  expect(matches(press('п', 'KeyG'), 'G')).toBe(true);
  expect(matches(press('g', 'KeyG', { ctrlKey: true }), 'G')).toBe(false);
});

it('takes Ctrl and Command alike', () => {
  expect(matches(press('Enter', 'Enter', { ctrlKey: true }), 'mod+Enter')).toBe(true);
  expect(matches(press('Enter', 'Enter', { metaKey: true }), 'mod+Enter')).toBe(true);
  expect(matches(press('Enter', 'Enter'), 'mod+Enter')).toBe(false);
});

it('takes signs by what they are, with or without Shift', () => {
  expect(matches(press('?', 'Slash', { shiftKey: true }), '?')).toBe(true);
  expect(matches(press('.', 'Period'), '.')).toBe(true);
});

it('wants exactly the modifiers', () => {
  expect(matches(press('X', 'KeyX', { shiftKey: true }), 'shift+X')).toBe(true);
  expect(matches(press('x', 'KeyX'), 'shift+X')).toBe(false);
  expect(matches(press('3', 'Digit3'), '3')).toBe(true);
});

it('knows where letters are text', () => {
  expect(isTyping(document.createElement('textarea'))).toBe(true);
  expect(isTyping(Object.assign(document.createElement('input'), { type: 'number' }))).toBe(true);
  expect(isTyping(Object.assign(document.createElement('input'), { type: 'checkbox' }))).toBe(false);
  expect(isTyping(document.createElement('button'))).toBe(false);
});

it('knows which can be switched off', () => {
  expect(isSingleKey('G')).toBe(true);
  expect(isSingleKey('shift+X')).toBe(true);
  expect(isSingleKey('mod+K')).toBe(false);
});

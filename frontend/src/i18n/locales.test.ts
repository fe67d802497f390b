// @vitest-environment jsdom
import { expect, it } from 'vitest';

import en from '../locales/en.json';
import uk from '../locales/uk.json';
import i18next, { initialLanguage } from '.';

type Tree = { [key: string]: string | Tree };

const PLURAL = /_(zero|one|two|few|many|other)$/;

function leaves(tree: Tree, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [[`${path}${key}`, value] as [string, string]] : leaves(value, `${path}${key}.`),
  );
}

/** Keys without their plural form: languages have different forms. */
function keys(tree: Tree): string[] {
  return [...new Set(leaves(tree).map(([key]) => key.replace(PLURAL, '')))].sort();
}

function placeholders(text: string): string[] {
  return [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1] ?? '').sort();
}

it('has the same keys in both languages', () => {
  expect(keys(uk)).toEqual(keys(en));
});

it('has every plural form that the language needs', () => {
  for (const [tree, language] of [
    [en, 'en'],
    [uk, 'uk'],
  ] as const) {
    const needed = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    const all = new Set(leaves(tree).map(([key]) => key));
    const plural = [...all].filter((key) => PLURAL.test(key)).map((key) => key.replace(PLURAL, ''));
    for (const key of plural) for (const form of needed) expect(all, language).toContain(`${key}_${form}`);
  }
});

it('uses the same placeholders in both languages', () => {
  const english = new Map(leaves(en));
  for (const [key, text] of leaves(uk)) {
    const same = english.get(key) ?? english.get(key.replace(PLURAL, '_other')) ?? '';
    expect(placeholders(text), key).toEqual(placeholders(same));
  }
});

it('leaves no text empty', () => {
  for (const [key, text] of [...leaves(en), ...leaves(uk)]) expect(text.trim(), key).not.toBe('');
});

it('speaks Ukrainian plurals', () => {
  const t = i18next.getFixedT('uk');
  expect([1, 3, 5, 21].map((count) => t('queue.count', { count }))).toEqual([
    '1 завдання в черзі',
    '3 завдання в черзі',
    '5 завдань у черзі',
    '21 завдання в черзі',
  ]);
});

it('starts in the remembered language, else in one of the browser, else in English', () => {
  expect(initialLanguage('en', ['uk-UA'])).toBe('en');
  expect(initialLanguage(null, ['de', 'uk-UA', 'en'])).toBe('uk');
  expect(initialLanguage('xx', ['de'])).toBe('en');
});

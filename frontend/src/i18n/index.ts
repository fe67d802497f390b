/** English and Ukrainian. Both files are in the bundle: together they are smaller than one icon font. */

import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

import en from '../locales/en.json';
import uk from '../locales/uk.json';

export type Language = 'en' | 'uk';

export const LANGUAGES: readonly { code: Language; short: string; name: string }[] = [
  { code: 'en', short: 'EN', name: 'English' },
  { code: 'uk', short: 'УКР', name: 'Українська' },
];

/** Where the language is remembered; public/theme-init.js reads the same key. */
const STORAGE_KEY = 'sdweb-language';

/** The remembered language, else the browser's when we speak it, else English. */
export function initialLanguage(stored: string | null, browser: readonly string[]): Language {
  const wanted = [stored, ...browser].map((tag) => tag?.slice(0, 2).toLowerCase());
  return LANGUAGES.find(({ code }) => code === wanted.find((tag) => tag === 'en' || tag === 'uk'))?.code ?? 'en';
}

export function changeLanguage(language: Language): void {
  localStorage.setItem(STORAGE_KEY, language);
  void i18next.changeLanguage(language);
}

i18next.on('languageChanged', (language) => {
  document.documentElement.lang = language;
});

void i18next.use(initReactI18next).init({
  resources: { en: { translation: en }, uk: { translation: uk } },
  lng: initialLanguage(localStorage.getItem(STORAGE_KEY), navigator.languages),
  fallbackLng: 'en',
  interpolation: { escapeValue: false }, // React escapes
});

export default i18next;

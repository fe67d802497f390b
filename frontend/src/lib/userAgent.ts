/** Which browser on which system, told from the header that browsers send; good enough to know one's own. */

import type { TFunction } from 'i18next';

// In the order of asking: most browsers also name those that they descend from.
const BROWSERS: readonly [RegExp, string][] = [
  [/Edg(e|A|iOS)?\//, 'Edge'],
  [/OPR\/|Opera/, 'Opera'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/YaBrowser\//, 'Yandex'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/(Chrome|Chromium|CriOS)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
  [/curl\//, 'curl'],
  [/python-|httpx/i, 'Python'],
];

const SYSTEMS: readonly [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/CrOS/, 'ChromeOS'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/Linux|X11/, 'Linux'],
];

const PHONES = new Set(['iPhone', 'iPad', 'Android']);

function find(names: readonly [RegExp, string][], userAgent: string): string {
  return names.find(([pattern]) => pattern.test(userAgent))?.[1] ?? '';
}

/** «Chrome on Windows», or what is known of it. */
export function deviceName(t: TFunction, userAgent: string): string {
  const browser = find(BROWSERS, userAgent);
  const system = find(SYSTEMS, userAgent);
  if (browser && system) return t('device.on', { browser, system });
  return browser || system || t('device.unknown');
}

export function isPhone(userAgent: string): boolean {
  return PHONES.has(find(SYSTEMS, userAgent));
}

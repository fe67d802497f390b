// @vitest-environment jsdom
import { beforeAll, expect, it } from 'vitest';

import i18next from '../i18n';
import { formatRelative } from './relativeTime';
import { deviceName, isPhone } from './userAgent';

const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36';

beforeAll(async () => {
  await i18next.changeLanguage('en');
});

it.each([
  [CHROME, 'Chrome on Windows'],
  [`${CHROME} Edg/131.0`, 'Edge on Windows'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1',
    'Safari on iPhone',
  ],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15', 'Safari on macOS'],
  ['Mozilla/5.0 (Linux; Android 15) Chrome/131.0 Mobile Safari/537.36', 'Chrome on Android'],
  ['python-httpx/0.28', 'Python'],
  ['', 'Unknown browser'],
])('%s is %s', (userAgent, name) => {
  expect(deviceName(i18next.t, userAgent)).toBe(name);
});

it('knows phones', () => {
  expect(isPhone('Mozilla/5.0 (Linux; Android 15) Chrome/131.0')).toBe(true);
  expect(isPhone(CHROME)).toBe(false);
});

it.each([
  [0, 'now'],
  [59, 'now'],
  [60, '1 minute ago'],
  [3 * 3600 + 100, '3 hours ago'],
  [30 * 3600, 'yesterday'],
  [-3 * 86_400, 'in 3 days'],
])('%i s ago is «%s»', (seconds, text) => {
  expect(formatRelative('en', 1_000_000_000_000 - seconds * 1000, 1_000_000_000_000)).toBe(text);
});

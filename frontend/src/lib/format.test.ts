// @vitest-environment jsdom
import { expect, it } from 'vitest';

import i18next from '../i18n';
import { formatClock, formatDuration } from './format';

it('rounds durations as people do', () => {
  const t = i18next.getFixedT('en');
  expect([0.2, 4.4, 89, 90, 200].map((seconds) => formatDuration(t, seconds))).toEqual([
    '1 s',
    '4 s',
    '89 s',
    '2 min',
    '3 min',
  ]);
});

it('shows a clock', () => {
  expect([0, 42.4, 61, 3600].map(formatClock)).toEqual(['00:00', '00:42', '01:01', '01:00:00']);
});

// @vitest-environment jsdom
import i18next from 'i18next';
import { expect, it } from 'vitest';

import '../i18n';
import { ApiError } from '../api/errors';
import { errorText } from './errorText';

function refusal(limit: string): ApiError {
  return new ApiError(429, { code: 'quota_exceeded', message: 'Too many.', fields: { [limit]: '1 asked for' } });
}

it('names the limit that is reached', () => {
  const { message, hint } = errorText(i18next.t, refusal('jobs_waiting'));
  expect(message).toBe('No more jobs of yours may wait.');
  expect(hint).toBe('Wait until one begins, or cancel one.');
});

it.each(['of a new kind', ''])('speaks of a limit in general where it does not know it (%j)', (limit) => {
  expect(errorText(i18next.t, refusal(limit)).message).toBe('You have reached a limit.');
});

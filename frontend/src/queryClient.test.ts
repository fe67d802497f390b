// @vitest-environment jsdom
import { expect, it, vi } from 'vitest';

import { ApiError } from './api/errors';
import { errorFrom } from './api/http';
import { errorText } from './lib/errorText';
import * as toasts from './lib/toast';
import i18n from './i18n';
import { isTransient, retryDelay } from './queryClient';

const tooMany = (seconds: string) =>
  errorFrom(429, { code: 'too_many_requests', message: 'Too many.' }, new Headers({ 'Retry-After': seconds }));

it('asks again when the server says that it may', () => {
  const say = vi.spyOn(toasts, 'toastWait').mockImplementation(() => undefined);
  expect(isTransient(tooMany('12'))).toBe(true);
  expect(retryDelay(0, tooMany('12'))).toBe(12_000);
  expect(say).toHaveBeenCalledExactlyOnceWith(12);
});

it.each(['', '0', '-3', 'soon', '3600'])('does not wait for "%s"', (text) => {
  expect(isTransient(tooMany(text))).toBe(false);
});

it('waits longer each time for a server that starts', () => {
  const error = new ApiError(503, {});
  expect(isTransient(error)).toBe(true);
  expect([0, 1].map((count) => retryDelay(count, error))).toEqual([1000, 2000]);
  expect(isTransient(new ApiError(404, {}))).toBe(false);
});

it('says how long to wait', () => {
  expect(errorText(i18n.t, tooMany('12')).hint).toBe('Try again in 12 seconds.');
});

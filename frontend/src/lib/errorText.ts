import type { TFunction } from 'i18next';

import { ApiError } from '../api/errors';
import type { ErrorBody } from '../api/types';

export interface ErrorText {
  message: string;
  hint: string;
}

/** What happened and what to do, in the person's language where we know the code, else in the server's words. */
export function errorText(t: TFunction, error: unknown): ErrorText {
  if (!isErrorBody(error)) return { message: t('errors.unknown.message'), hint: t('errors.unknown.hint') };
  if (error instanceof ApiError && error.code === 'too_many_requests' && error.retryAfter > 0) {
    return {
      message: t('errors.too_many_requests.message'),
      hint: t('errors.too_many_requests.wait', { count: error.retryAfter }),
    };
  }
  if (error.code === 'quota_exceeded') return quotaText(t, Object.keys(error.fields ?? {})[0]);
  return {
    message: t(`errors.${error.code}.message`, { defaultValue: error.message || t('errors.unknown.message') }),
    hint: t(`errors.${error.code}.hint`, { defaultValue: error.hint }),
  };
}

/** Which limit is reached: the server names it as the field at fault. */
function quotaText(t: TFunction, limit = ''): ErrorText {
  return {
    message: t([`errors.quota_exceeded.${limit}.message`, 'errors.quota_exceeded.message']),
    hint: t([`errors.quota_exceeded.${limit}.hint`, 'errors.quota_exceeded.hint']),
  };
}

function isErrorBody(error: unknown): error is ErrorBody {
  return error instanceof ApiError || (typeof error === 'object' && error !== null && 'code' in error);
}

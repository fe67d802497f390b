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
  return {
    message: t(`errors.${error.code}.message`, { defaultValue: error.message || t('errors.unknown.message') }),
    hint: t(`errors.${error.code}.hint`, { defaultValue: error.hint }),
  };
}

function isErrorBody(error: unknown): error is ErrorBody {
  return error instanceof ApiError || (typeof error === 'object' && error !== null && 'code' in error);
}

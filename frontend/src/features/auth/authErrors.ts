import type { TFunction } from 'i18next';

import { errorText } from '../../lib/errorText';
import { formatDuration } from '../../lib/format';
import { toast } from '../../lib/toast';
import { PasskeyError } from '../../lib/webauthn';
import { AuthError } from './allauth';
import { NotProved } from './reauth';

export interface FormErrors {
  /** About the form as a whole; empty when there is none. */
  form: string;
  fields: Record<string, string>;
}

export const NO_ERRORS: FormErrors = { form: '', fields: {} };

/**
 * Where to show what: each problem at its field, the rest above the form.
 *
 * `fields` are the names of the form's own fields; `aliases` maps the server's parameter names to them.
 */
export function formErrors(
  t: TFunction,
  error: unknown,
  fields: readonly string[],
  aliases: Record<string, string> = {},
): FormErrors {
  if (error instanceof NotProved) return NO_ERRORS;
  if (error instanceof PasskeyError) return { form: t(`auth.errors.${error.code}`), fields: {} };
  if (!(error instanceof AuthError)) {
    const { message, hint } = errorText(t, error);
    return { form: [message, hint].filter(Boolean).join(' '), fields: {} };
  }
  const result: FormErrors = { form: '', fields: {} };
  if (error.retryAfter !== null) {
    return { ...result, form: t('auth.errors.wait', { duration: formatDuration(t, error.retryAfter) }) };
  }
  for (const { code, message, param } of error.problems) {
    const field = aliases[param] ?? param;
    const text = t([`auth.errors.${code}_${field}`, `auth.errors.${code}`], {
      defaultValue: message || t('auth.errors.unknown'),
    });
    // A wrong pair is never blamed on one of the two fields: that would tell which accounts exist.
    if (fields.includes(field) && !code.endsWith('_mismatch')) {
      result.fields[field] = [result.fields[field], text].filter(Boolean).join(' ');
    } else {
      result.form = [result.form, text].filter(Boolean).join(' ');
    }
  }
  return result;
}

/** Those fields of a form that have to be filled in and are not. */
export function missing(t: TFunction, values: Record<string, string>): Record<string, string> {
  const empty = Object.entries(values).filter(([, value]) => !value.trim());
  return Object.fromEntries(empty.map(([name]) => [name, t('auth.errors.required')]));
}

/** The same in one sentence, where there is no form to show it in. */
export function problemText(t: TFunction, error: unknown): string {
  return formErrors(t, error, []).form;
}

/** Says it in a toast that stays until it is closed. */
export function toastProblem(t: TFunction, error: unknown): void {
  const title = problemText(t, error);
  if (title) toast({ title, color: 'red', autoClose: false });
}

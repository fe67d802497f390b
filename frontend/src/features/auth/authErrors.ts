import type { TFunction } from 'i18next';

import { errorText } from '../../lib/errorText';
import { AuthError } from './session';

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
  if (!(error instanceof AuthError)) {
    const { message, hint } = errorText(t, error);
    return { form: [message, hint].filter(Boolean).join(' '), fields: {} };
  }
  const result: FormErrors = { form: '', fields: {} };
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

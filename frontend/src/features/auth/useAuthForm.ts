import { useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';

import { queryKeys } from '../../api/client';
import { NO_ERRORS, formErrors, type FormErrors } from './authErrors';

interface AuthForm {
  errors: FormErrors;
  isBusy: boolean;
  onSubmit: (event: FormEvent) => void;
  /** Sends without a form, for example when a button asks for a passkey. */
  run: () => Promise<void>;
}

interface Options<T> {
  aliases?: Record<string, string>;
  validate?: () => Record<string, string>;
  /** False: what was sent changes nothing about who is signed in. */
  refreshesMe?: boolean;
  onDone?: (result: T) => void;
}

/** Sends a form to the session service, asks the server again who is signed in, and sorts what went wrong. */
export function useAuthForm<T>(fields: readonly string[], send: () => Promise<T>, options: Options<T> = {}): AuthForm {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [errors, setErrors] = useState<FormErrors>(NO_ERRORS);
  const [isBusy, setIsBusy] = useState(false);

  const run = async () => {
    setIsBusy(true);
    setErrors(NO_ERRORS);
    try {
      const result = await send();
      if (options.refreshesMe ?? true) await queryClient.invalidateQueries({ queryKey: queryKeys.me });
      options.onDone?.(result);
    } catch (error) {
      setErrors(formErrors(t, error, fields, options.aliases));
    } finally {
      setIsBusy(false);
    }
  };

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    const wrong = options.validate?.() ?? {};
    if (Object.keys(wrong).length > 0) setErrors({ form: '', fields: wrong });
    else void run();
  };

  return { errors, isBusy, onSubmit, run };
}

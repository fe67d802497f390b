import type { TFunction } from 'i18next';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { ApiError } from '../../api/errors';
import type { Limits } from '../../api/types';
import { expediteJob, submitJob } from '../../lib/jobActions';
import { toastError } from '../../lib/toast';
import {
  DEFAULT_FORM,
  currentModel,
  rootOf,
  toRequest,
  validate,
  withKnownOptions,
  type FieldErrors,
  type FormState,
} from './formState';
import { useForm } from './store';
import { useStage } from './stageStore';
import { useCatalogue } from './useCatalogue';

const FORM_FIELDS = new Set(Object.keys(DEFAULT_FORM));

interface Generate {
  isSending: boolean;
  /** Checks the form and submits it; complaints appear at their fields. `change` is applied to the form first; `first` lets the job past everybody's. */
  generate: (change?: Partial<FormState>, place?: 'first') => Promise<void>;
}

export function useGenerate(): Generate {
  const { t } = useTranslation();
  const { models, options, limits } = useCatalogue();
  const [isSending, setIsSending] = useState(false);

  const generate = async (change: Partial<FormState> = {}, place?: 'first') => {
    useForm.getState().change(change);
    const form = withKnownOptions(useForm.getState().form, options);
    const model = currentModel(form, models);
    const wrong = validate(form, model, limits);
    useForm.getState().setErrors(inWords(t, wrong, limits));
    if (Object.keys(wrong).length > 0) return;
    setIsSending(true);
    try {
      const job = await submitJob(toRequest(form, model));
      if (place === 'first') await expediteJob(job.id);
      useForm.getState().rememberPrompt(form.prompt);
      useStage.getState().showLatest();
      // On phones the picture is above the form.
      document.getElementById('main')?.scrollTo({ top: 0, behavior: 'smooth' });
    } catch (error) {
      showRefusal(error, () => void generate());
    } finally {
      setIsSending(false);
    }
  };

  return { isSending, generate };
}

function inWords(t: TFunction, codes: FieldErrors, limits: Limits): FieldErrors {
  return Object.fromEntries(
    Object.entries(codes).map(([field, code]) => [field, t(`form.errors.${code}`, { ...limits })]),
  );
}

/** Complaints about fields go to the fields; everything else is a toast. */
export function showRefusal(error: unknown, retry: () => void): void {
  const fields = error instanceof ApiError ? error.fields : {};
  const known = Object.fromEntries(Object.entries(fields).filter(([field]) => FORM_FIELDS.has(rootOf(field))));
  useForm.getState().setErrors(known);
  if (Object.keys(known).length === 0) toastError(error, retry);
}

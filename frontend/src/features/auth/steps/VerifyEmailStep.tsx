import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { toast } from '../../../lib/toast';
import type { Flow } from '../allauth';
import { missing, toastProblem } from '../authErrors';
import { CodeField } from '../CodeField';
import { FormProblem } from '../FormProblem';
import { resendVerificationCode, verifyEmailByCode } from '../session';
import classes from '../EntryPage.module.css';
import { useAuthForm } from '../useAuthForm';

export function VerifyEmailStep({ onStep }: { onStep: (step: Flow | null) => void }) {
  const { t } = useTranslation();
  const [code, setCode] = useState('');
  const { errors, isBusy, onSubmit } = useAuthForm(['code'], () => verifyEmailByCode(code.trim()), {
    aliases: { key: 'code' },
    validate: () => missing(t, { code }),
    onDone: onStep,
  });
  const resend = async () => {
    try {
      await resendVerificationCode();
      toast({ title: t('auth.verify.sent'), color: 'green' });
    } catch (error) {
      toastProblem(t, error);
    }
  };
  return (
    <form className={classes.form} onSubmit={onSubmit} noValidate>
      <FormProblem text={errors.form} />
      <CodeField
        label={t('auth.verify.code')}
        autoFocus
        value={code}
        onChange={(event) => setCode(event.currentTarget.value)}
        error={errors.fields.code}
      />
      <Button type="submit" size="md" fullWidth loading={isBusy}>
        {t('auth.verify.confirm')}
      </Button>
      <Button variant="subtle" onClick={() => void resend()}>
        {t('auth.verify.resend')}
      </Button>
    </form>
  );
}

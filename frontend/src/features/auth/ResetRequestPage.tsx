import { Button, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { useMe } from '../shell/useMe';
import { EntryPage } from './EntryPage';
import { missing } from './authErrors';
import { FormProblem } from './FormProblem';
import { requestPasswordReset } from './session';
import classes from './EntryPage.module.css';
import { useAuthForm } from './useAuthForm';

/** «Forgot password?»: where to send the link. */
export default function ResetRequestPage() {
  const { t } = useTranslation();
  const { password_reset: isPossible } = useMe();
  const [email, setEmail] = useState('');
  const [isSent, setIsSent] = useState(false);
  const { errors, isBusy, onSubmit } = useAuthForm(['email'], () => requestPasswordReset(email.trim()), {
    validate: () => missing(t, { email }),
    onDone: () => setIsSent(true),
  });
  const foot = (
    <Link to="/sign-in" className={classes.link}>
      {t('auth.backToSignIn')}
    </Link>
  );
  if (!isPossible) return <EntryPage title={t('auth.reset.title')} lead={t('auth.reset.impossible')} foot={foot} />;
  if (isSent) {
    return (
      <EntryPage
        title={t('auth.reset.sentTitle')}
        lead={<span role="status">{t('auth.reset.sent', { email: email.trim() })}</span>}
        foot={foot}
      />
    );
  }
  return (
    <EntryPage title={t('auth.reset.title')} lead={t('auth.reset.lead')} foot={foot}>
      <form className={classes.form} onSubmit={onSubmit} noValidate>
        <FormProblem text={errors.form} />
        <TextInput
          size="md"
          type="email"
          label={t('auth.email')}
          autoComplete="email"
          autoFocus
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          error={errors.fields.email}
        />
        <Button type="submit" size="md" fullWidth loading={isBusy}>
          {t('auth.reset.send')}
        </Button>
      </form>
    </EntryPage>
  );
}

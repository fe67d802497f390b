import { Button, Center, Loader, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { Flow } from '../allauth';
import { missing, problemText } from '../authErrors';
import { FormProblem } from '../FormProblem';
import { providerAccount, signUpByProvider, type ProviderAccount } from '../session';
import classes from '../EntryPage.module.css';
import { useAuthForm } from '../useAuthForm';

interface StepProps {
  onStep: (step: Flow | null) => void;
}

/** The provider did not send everything, or sent a name that is taken. */
export function ProviderSignUpStep({ onStep }: StepProps) {
  const { t } = useTranslation();
  const account = useQuery({ queryKey: ['entry', 'provider'], queryFn: providerAccount, gcTime: 0, retry: false });
  if (account.data) return <AccountForm known={account.data} onStep={onStep} />;
  if (account.isError) return <FormProblem text={problemText(t, account.error)} />;
  return (
    <Center py="xl">
      <Loader size="sm" aria-label={t('common.loading')} />
    </Center>
  );
}

function AccountForm({ known, onStep }: StepProps & { known: ProviderAccount }) {
  const { t } = useTranslation();
  const [username, setUsername] = useState(known.user.username ?? '');
  const [email, setEmail] = useState(known.email[0]?.email ?? known.user.email ?? '');
  const { errors, isBusy, onSubmit } = useAuthForm(
    ['username', 'email'],
    () => signUpByProvider({ username: username.trim(), email: email.trim() }),
    {
      validate: () => missing(t, { username }),
      onDone: onStep,
    },
  );
  return (
    <form className={classes.form} onSubmit={onSubmit} noValidate>
      <FormProblem text={errors.form} />
      <TextInput
        size="md"
        label={t('auth.username')}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        value={username}
        onChange={(event) => setUsername(event.currentTarget.value)}
        error={errors.fields.username}
      />
      <TextInput
        size="md"
        type="email"
        label={t('auth.email')}
        autoComplete="email"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        error={errors.fields.email}
      />
      <Button type="submit" size="md" fullWidth loading={isBusy}>
        {t('auth.register')}
      </Button>
    </form>
  );
}

import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { Flow } from './allauth';
import { missing } from './authErrors';
import { FormProblem } from './FormProblem';
import { PasswordField } from './PasswordField';
import { signUp } from './session';
import classes from './EntryPage.module.css';
import { useAuthForm } from './useAuthForm';

export function RegisterForm({ onStep }: { onStep: (step: Flow | null) => void }) {
  const { t } = useTranslation();
  const [account, setAccount] = useState({ username: '', email: '', password: '' });
  const change = (part: Partial<typeof account>) => setAccount({ ...account, ...part });
  const { errors, isBusy, onSubmit } = useAuthForm(['username', 'email', 'password'], () => signUp(account), {
    validate: () => missing(t, { username: account.username, password: account.password }),
    onDone: onStep,
  });
  return (
    <form className={classes.form} onSubmit={onSubmit} noValidate>
      <FormProblem text={errors.form} />
      <TextInput
        size="md"
        label={t('auth.username')}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        value={account.username}
        onChange={(event) => change({ username: event.currentTarget.value })}
        error={errors.fields.username}
      />
      <TextInput
        size="md"
        type="email"
        label={t('auth.email')}
        description={t('auth.emailOptional')}
        name="email"
        autoComplete="email"
        value={account.email}
        onChange={(event) => change({ email: event.currentTarget.value })}
        error={errors.fields.email}
      />
      <PasswordField
        label={t('auth.password')}
        description={t('auth.passwordRules')}
        name="password"
        autoComplete="new-password"
        value={account.password}
        onChange={(event) => change({ password: event.currentTarget.value })}
        error={errors.fields.password}
      />
      <Button type="submit" size="md" fullWidth loading={isBusy} mt="xs">
        {t('auth.register')}
      </Button>
    </form>
  );
}

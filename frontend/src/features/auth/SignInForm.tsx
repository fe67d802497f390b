import { Button, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { Flow } from './allauth';
import { missing } from './authErrors';
import { FormProblem } from './FormProblem';
import { PasswordField } from './PasswordField';
import { signIn } from './session';
import classes from './EntryPage.module.css';
import { useAuthForm } from './useAuthForm';

interface SignInFormProps {
  /** Whether a forgotten password can be replaced by mail. */
  canReset: boolean;
  onStep: (step: Flow | null) => void;
}

export function SignInForm({ canReset, onStep }: SignInFormProps) {
  const { t } = useTranslation();
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const { errors, isBusy, onSubmit } = useAuthForm(['login', 'password'], () => signIn(login.trim(), password), {
    aliases: { username: 'login', email: 'login' },
    validate: () => missing(t, { login, password }),
    onDone: onStep,
  });
  return (
    <form className={classes.form} onSubmit={onSubmit} noValidate>
      <FormProblem text={errors.form} />
      <TextInput
        size="md"
        label={t('auth.login')}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        value={login}
        onChange={(event) => setLogin(event.currentTarget.value)}
        error={errors.fields.login}
      />
      <PasswordField
        label={t('auth.password')}
        name="password"
        autoComplete="current-password"
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        error={errors.fields.password}
      />
      {canReset && (
        <Link to="/reset-password" className={`${classes.link} ${classes.forgotten}`}>
          {t('auth.forgotten')}
        </Link>
      )}
      <Button type="submit" size="md" fullWidth loading={isBusy} mt="xs">
        {t('auth.signIn')}
      </Button>
    </form>
  );
}

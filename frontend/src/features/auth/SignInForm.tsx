import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { FormProblem } from './FormProblem';
import { PasswordField } from './PasswordField';
import { signIn } from './session';
import classes from './SignInPage.module.css';
import { useAuthForm } from './useAuthForm';

export function SignInForm() {
  const { t } = useTranslation();
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const { errors, isBusy, onSubmit } = useAuthForm(['login', 'password'], () => signIn(login.trim(), password), {
    aliases: { username: 'login', email: 'login' },
    validate: () => ({
      ...(!login.trim() && { login: t('auth.errors.required') }),
      ...(!password && { password: t('auth.errors.required') }),
    }),
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
      <Button type="submit" size="md" fullWidth loading={isBusy} mt="xs">
        {t('auth.signIn')}
      </Button>
    </form>
  );
}

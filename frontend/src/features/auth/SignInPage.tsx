import { Anchor, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { Logo } from '../../components/Logo';
import { LanguageSwitch } from '../shell/LanguageSwitch';
import { ThemeToggle } from '../shell/ThemeToggle';
import { RegisterForm } from './RegisterForm';
import { SignInForm } from './SignInForm';
import classes from './SignInPage.module.css';

/** The only page for people who are not signed in. */
export function SignInPage({ registrationOpen }: { registrationOpen: boolean }) {
  const { t } = useTranslation();
  const [isNew, setIsNew] = useState(false);
  const isRegistering = isNew && registrationOpen;
  return (
    <div className={classes.page}>
      <div className={classes.corner}>
        <LanguageSwitch />
        <ThemeToggle />
      </div>
      <main className={classes.card}>
        <div className={classes.head}>
          <Logo size={44} />
          <h1 className={classes.title}>{t(isRegistering ? 'auth.registerTitle' : 'auth.signInTitle')}</h1>
          <Text c="dimmed" size="sm">
            {t(isRegistering ? 'auth.registerLead' : 'auth.signInLead')}
          </Text>
        </div>
        {isRegistering ? <RegisterForm /> : <SignInForm />}
        {registrationOpen ? (
          <Text size="sm" c="dimmed" className={classes.foot}>
            {t(isRegistering ? 'auth.haveAccount' : 'auth.noAccount')}{' '}
            <Anchor component="button" type="button" size="sm" fw={600} onClick={() => setIsNew(!isNew)}>
              {t(isRegistering ? 'auth.signIn' : 'auth.register')}
            </Anchor>
          </Text>
        ) : (
          <Text size="xs" c="dimmed" className={classes.foot}>
            {t('auth.registrationClosed')}
          </Text>
        )}
      </main>
    </div>
  );
}

import { Link, Navigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { useMe } from '../shell/useMe';
import type { Flow } from './allauth';
import { EntryPage } from './EntryPage';
import { RegisterForm } from './RegisterForm';
import { SignInPage } from './SignInPage';
import classes from './EntryPage.module.css';

export default function SignUpPage() {
  const { t } = useTranslation();
  const me = useMe();
  const [step, setStep] = useState<Flow | null>(null);
  if (me.user) return <Navigate to="/" replace />;
  // The sign-in page knows every step that may be left.
  if (step) return <SignInPage me={me} />;
  const isOpen = me.registration_open && !me.sso_only;
  return (
    <EntryPage
      title={t('auth.registerTitle')}
      lead={t(isOpen ? 'auth.registerLead' : 'auth.registrationClosed')}
      foot={
        <>
          {isOpen && `${t('auth.haveAccount')} `}
          <Link to="/sign-in" className={classes.link}>
            {t('auth.signIn')}
          </Link>
        </>
      }
    >
      {isOpen && <RegisterForm onStep={setStep} />}
    </EntryPage>
  );
}

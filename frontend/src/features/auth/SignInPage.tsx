import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { queryKeys } from '../../api/client';
import type { Me } from '../../api/types';
import { Splash } from '../shell/Splash';
import type { Flow } from './allauth';
import { EntryPage } from './EntryPage';
import { FormProblem } from './FormProblem';
import { OtherWays } from './OtherWays';
import { useProviderError } from './providerError';
import { entryConfig, pendingStep } from './session';
import { SignInForm } from './SignInForm';
import classes from './EntryPage.module.css';
import { PendingStep } from './steps/PendingStep';

async function lookAtEntry() {
  const [config, pending] = await Promise.all([entryConfig(), pendingStep()]);
  return { config, pending };
}

/** What people see who are not signed in, whatever page they asked for. */
export function SignInPage({ me }: { me: Me }) {
  const { t } = useTranslation();
  // Never from the cache: a step may have been left open on a provider's page.
  const entry = useQuery({ queryKey: queryKeys.entry, queryFn: lookAtEntry, gcTime: 0, staleTime: Infinity });
  const providerError = useProviderError('login');
  const [step, setStep] = useState<Flow | null>();
  if (entry.isPending) return <Splash />;
  const providers = entry.data?.config.providers ?? [];
  const pending = step === undefined ? entry.data?.pending : step;
  if (pending) {
    return <PendingStep flow={pending} byCode={entry.data?.config.verifiesByCode ?? false} me={me} onStep={setStep} />;
  }
  return (
    <EntryPage title={t('auth.signInTitle')} lead={t('auth.signInLead')} foot={<Foot me={me} />}>
      {providerError && (
        <div className={classes.notice}>
          <FormProblem text={providerError} />
        </div>
      )}
      {!me.sso_only && <SignInForm canReset={me.password_reset} onStep={setStep} />}
      <OtherWays me={me} providers={providers} onStep={setStep} />
    </EntryPage>
  );
}

function Foot({ me }: { me: Me }) {
  const { t } = useTranslation();
  if (me.sso_only) return t('auth.ssoOnly');
  if (!me.registration_open) return t('auth.registrationClosed');
  return (
    <>
      {t('auth.noAccount')}{' '}
      <Link to="/sign-up" className={classes.link}>
        {t('auth.register')}
      </Link>
    </>
  );
}

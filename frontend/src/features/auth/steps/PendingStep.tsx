import { useTranslation } from 'react-i18next';

import type { Me } from '../../../api/types';
import type { Flow } from '../allauth';
import { EntryPage } from '../EntryPage';
import { FormProblem } from '../FormProblem';
import { ProviderSignUpStep } from './ProviderSignUpStep';
import { SecondFactorStep } from './SecondFactorStep';
import { StartOver } from './StartOver';
import { VerifyEmailStep } from './VerifyEmailStep';

export interface StepProps {
  flow: Flow;
  onStep: (step: Flow | null) => void;
}

interface PendingStepProps extends StepProps {
  /** Whether an address is verified by a code that is typed, not by a link. */
  byCode: boolean;
  me: Me;
}

/** What is left to do between the password (or the provider's page) and being signed in. */
export function PendingStep({ flow, byCode, me, onStep }: PendingStepProps) {
  const { t } = useTranslation();
  const foot = <StartOver onStep={onStep} />;
  switch (flow.id) {
    case 'mfa_authenticate':
      return (
        <EntryPage title={t('auth.secondFactor.title')} lead={t('auth.secondFactor.lead')} foot={foot}>
          <SecondFactorStep flow={flow} hasPasskeys={me.passkeys} onStep={onStep} />
        </EntryPage>
      );
    case 'verify_email':
      return (
        <EntryPage
          title={t('auth.verify.title')}
          lead={t(byCode ? 'auth.verify.codeLead' : 'auth.verify.linkLead')}
          foot={foot}
        >
          {byCode && <VerifyEmailStep onStep={onStep} />}
        </EntryPage>
      );
    case 'provider_signup':
      return (
        <EntryPage
          title={t('auth.registerTitle')}
          lead={t('auth.providerSignUpLead', { provider: flow.provider?.name })}
          foot={foot}
        >
          <ProviderSignUpStep onStep={onStep} />
        </EntryPage>
      );
    default:
      return (
        <EntryPage title={t('auth.signInTitle')} foot={foot}>
          <FormProblem text={t('auth.errors.verification_needed')} />
        </EntryPage>
      );
  }
}

import { Anchor } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { queryKeys } from '../../api/client';
import type { Me } from '../../api/types';
import { AddPasskeyForm } from '../settings/security/AddPasskeyForm';
import { RecoveryCodes } from '../settings/security/RecoveryCodes';
import { recoveryCodes } from '../settings/security/secondFactorApi';
import { TotpSetup } from '../settings/security/TotpSetup';
import { toastProblem } from './authErrors';
import { EntryPage } from './EntryPage';
import { signOut } from './session';
import classes from './EntryPage.module.css';

/** Signed in, but the site asks for a second factor first: nothing else is there until it is set up. */
export function SecondFactorPage({ me }: { me: Me }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const enter = () => queryClient.invalidateQueries({ queryKey: queryKeys.me });
  const run = async (step: () => Promise<unknown>) => {
    try {
      await step();
    } catch (error) {
      toastProblem(t, error);
    }
  };
  const onAdded = async () => {
    // Codes that were not shown can be made anew in the settings: they keep nobody out.
    const made = await recoveryCodes().catch((error: unknown) => {
      toastProblem(t, error);
      return [];
    });
    if (made.length > 0) setCodes(made);
    else await run(enter);
  };
  const leave = () =>
    run(async () => {
      await signOut();
      await enter();
    });
  if (codes) {
    return (
      <EntryPage title={t('settings.recovery.title')} lead={t('settings.recovery.keep')}>
        <RecoveryCodes codes={codes} onDone={() => void run(enter)} />
      </EntryPage>
    );
  }
  return (
    <EntryPage
      title={t('auth.secondFactor.requiredTitle')}
      lead={t('auth.secondFactor.requiredLead')}
      foot={
        <Anchor component="button" type="button" size="sm" fw={600} onClick={() => void leave()}>
          {t('account.signOut')}
        </Anchor>
      }
    >
      <TotpSetup onDone={() => void onAdded()} />
      {me.passkeys && (
        <>
          <div className={classes.or}>{t('auth.or')}</div>
          <AddPasskeyForm onDone={() => void onAdded()} />
        </>
      )}
    </EntryPage>
  );
}

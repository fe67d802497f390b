import { Button } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { hasPasskeys as browserHasPasskeys } from '../../../lib/webauthn';
import { missing } from '../authErrors';
import { CodeField } from '../CodeField';
import { FormProblem } from '../FormProblem';
import { sendSecondFactor, signInByPasskey } from '../session';
import classes from '../EntryPage.module.css';
import { useAuthForm } from '../useAuthForm';
import type { StepProps } from './PendingStep';

/** A code of the app, a recovery code, or a passkey: whatever this person has. */
export function SecondFactorStep({ flow, hasPasskeys, onStep }: StepProps & { hasPasskeys: boolean }) {
  const { t } = useTranslation();
  const types = flow.types ?? ['totp'];
  const [isRecovery, setIsRecovery] = useState(!types.includes('totp'));
  const [code, setCode] = useState('');
  const form = useAuthForm(['code'], () => sendSecondFactor(code.trim()), {
    validate: () => missing(t, { code }),
    onDone: onStep,
  });
  const passkey = useAuthForm([], () => signInByPasskey('authenticate'), { onDone: onStep });
  const offersPasskey = types.includes('webauthn') && hasPasskeys && browserHasPasskeys();
  return (
    <>
      <form className={classes.form} onSubmit={form.onSubmit} noValidate>
        <FormProblem text={form.errors.form || passkey.errors.form} />
        <CodeField
          key={String(isRecovery)}
          digits={!isRecovery}
          label={t(isRecovery ? 'auth.secondFactor.recoveryCode' : 'auth.secondFactor.code')}
          description={t(isRecovery ? 'auth.secondFactor.recoveryHint' : 'auth.secondFactor.codeHint')}
          autoFocus
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
          error={form.errors.fields.code}
        />
        <Button type="submit" size="md" fullWidth loading={form.isBusy}>
          {t('auth.secondFactor.send')}
        </Button>
      </form>
      {(offersPasskey || types.length > 1) && <div className={classes.or}>{t('auth.or')}</div>}
      <div className={classes.others}>
        {offersPasskey && (
          <Button
            size="md"
            variant="default"
            fullWidth
            leftSection={<IconFingerprint size={20} stroke={1.75} aria-hidden />}
            loading={passkey.isBusy}
            onClick={() => void passkey.run()}
          >
            {t('auth.usePasskey')}
          </Button>
        )}
        {types.includes('totp') && types.includes('recovery_codes') && (
          <Button
            variant="subtle"
            onClick={() => {
              setIsRecovery(!isRecovery);
              setCode('');
            }}
          >
            {t(isRecovery ? 'auth.secondFactor.useApp' : 'auth.secondFactor.useRecovery')}
          </Button>
        )}
      </div>
    </>
  );
}

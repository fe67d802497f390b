import { Button } from '@mantine/core';
import { IconFingerprint, IconLogin2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import type { Me } from '../../api/types';
import { hasPasskeys } from '../../lib/webauthn';
import type { Flow } from './allauth';
import { FormProblem } from './FormProblem';
import { leaveForProvider, signInByPasskey, type Provider } from './session';
import classes from './EntryPage.module.css';
import { useAuthForm } from './useAuthForm';

const ICON = { size: 20, stroke: 1.75, 'aria-hidden': true } as const;

interface OtherWaysProps {
  me: Me;
  providers: readonly Provider[];
  onStep: (step: Flow | null) => void;
}

/** Signing in without a password: a passkey, or the account of somebody else's site. */
export function OtherWays({ me, providers, onStep }: OtherWaysProps) {
  const { t } = useTranslation();
  const passkey = useAuthForm([], () => signInByPasskey('login'), { onDone: onStep });
  const offersPasskeys = me.passkeys && !me.sso_only && hasPasskeys();
  if (!offersPasskeys && providers.length === 0) return null;
  return (
    <>
      {!me.sso_only && <div className={classes.or}>{t('auth.or')}</div>}
      <div className={classes.others}>
        <FormProblem text={passkey.errors.form} />
        {providers.map(({ id, name }, index) => (
          <Button
            key={id}
            size="md"
            variant={me.sso_only && index === 0 ? 'filled' : 'default'}
            fullWidth
            leftSection={<IconLogin2 {...ICON} />}
            onClick={() => leaveForProvider(id, 'login', '/sign-in')}
          >
            {t('auth.signInWith', { provider: name })}
          </Button>
        ))}
        {offersPasskeys && (
          <Button
            size="md"
            variant="default"
            fullWidth
            leftSection={<IconFingerprint {...ICON} />}
            loading={passkey.isBusy}
            onClick={() => void passkey.run()}
          >
            {t('auth.signInByPasskey')}
          </Button>
        )}
      </div>
    </>
  );
}

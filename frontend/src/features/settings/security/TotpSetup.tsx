import { Button, Center, Loader, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { CopyButton } from '../../../components/CopyButton';
import { missing, problemText } from '../../auth/authErrors';
import { CodeField } from '../../auth/CodeField';
import { FormProblem } from '../../auth/FormProblem';
import { useAuthForm } from '../../auth/useAuthForm';
import { activateTotp, beginTotp } from './secondFactorApi';
import classes from './security.module.css';

/** The key as picture and as text, and the code that proves the app has it. */
export function TotpSetup({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  // Each look makes another key: only one, and only while this is shown.
  const key = useQuery({
    queryKey: ['totp-key'],
    queryFn: beginTotp,
    gcTime: 0,
    staleTime: Infinity,
    retry: false,
    refetchOnReconnect: false,
  });
  const [code, setCode] = useState('');
  const { errors, isBusy, onSubmit } = useAuthForm(['code'], () => activateTotp(code.replaceAll(' ', '')), {
    validate: () => missing(t, { code }),
    refreshesMe: false,
    onDone,
  });
  if (key.isError) {
    return (
      <div className={classes.stack}>
        <FormProblem text={problemText(t, key.error)} />
        <Button variant="default" onClick={() => void key.refetch()}>
          {t('common.retry')}
        </Button>
      </div>
    );
  }
  if (!key.data) {
    return (
      <Center py="xl">
        <Loader size="sm" aria-label={t('common.loading')} />
      </Center>
    );
  }
  const { secret, svg } = key.data;
  return (
    <form className={classes.setup} onSubmit={onSubmit} noValidate>
      <img
        className={classes.qr}
        src={`data:image/svg+xml,${encodeURIComponent(svg)}`}
        alt={t('settings.totp.qr')}
        width={180}
        height={180}
      />
      <div className={classes.stack}>
        <Text size="sm">{t('settings.totp.scan')}</Text>
        <div>
          <Text size="xs" c="dimmed">
            {t('settings.totp.typeKey')}
          </Text>
          <div className={classes.key}>
            <code>{secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
            <CopyButton text={secret} label={t('settings.totp.copyKey')} />
          </div>
        </div>
        <FormProblem text={errors.form} />
        <CodeField
          digits
          label={t('settings.totp.code')}
          autoFocus
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
          error={errors.fields.code}
        />
        <Button type="submit" loading={isBusy}>
          {t('settings.totp.activate')}
        </Button>
      </div>
    </form>
  );
}

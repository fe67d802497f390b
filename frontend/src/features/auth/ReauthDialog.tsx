import { Button, Modal, Text } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { hasPasskeys } from '../../lib/webauthn';
import type { Flow } from './allauth';
import { CodeField } from './CodeField';
import { missing } from './authErrors';
import { FormProblem } from './FormProblem';
import { PasswordField } from './PasswordField';
import { proveByCode, proveByPassword, useReauth } from './reauth';
import { answerByPasskey } from './session';
import classes from './EntryPage.module.css';
import { useAuthForm } from './useAuthForm';

/** Asks who one is before a call that matters; one for the whole page. */
export function ReauthDialog() {
  const { t } = useTranslation();
  const question = useReauth((state) => state.question);
  return (
    <Modal
      opened={question !== null}
      onClose={() => question?.settle(false)}
      title={t('auth.reauth.title')}
      size="sm"
      zIndex={300}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {question && <ReauthForm flows={question.flows} onProved={() => question.settle(true)} />}
    </Modal>
  );
}

function ReauthForm({ flows, onProved }: { flows: readonly Flow[]; onProved: () => void }) {
  const { t } = useTranslation();
  const types = flows.find((flow) => flow.id === 'mfa_reauthenticate')?.types ?? [];
  const hasPassword = flows.some((flow) => flow.id === 'reauthenticate');
  const hasCode = types.includes('totp') || types.includes('recovery_codes');
  const [isCode, setIsCode] = useState(!hasPassword);
  const [value, setValue] = useState('');
  const form = useAuthForm(['value'], () => (isCode ? proveByCode(value.trim()) : proveByPassword(value)), {
    aliases: { password: 'value', code: 'value' },
    validate: () => missing(t, { value }),
    refreshesMe: false,
    onDone: onProved,
  });
  const passkey = useAuthForm([], () => answerByPasskey('reauthenticate'), { refreshesMe: false, onDone: onProved });
  const field = {
    value,
    error: form.errors.fields.value,
    onChange: (event: { currentTarget: { value: string } }) => setValue(event.currentTarget.value),
    'data-autofocus': true,
  };
  return (
    <form className={classes.form} onSubmit={form.onSubmit} noValidate>
      <Text size="sm" c="dimmed">
        {t('auth.reauth.lead')}
      </Text>
      <FormProblem text={form.errors.form || passkey.errors.form} />
      {isCode
        ? hasCode && <CodeField label={t('auth.reauth.code')} {...field} />
        : hasPassword && <PasswordField label={t('auth.password')} autoComplete="current-password" {...field} />}
      {(isCode ? hasCode : hasPassword) && (
        <Button type="submit" size="md" loading={form.isBusy}>
          {t('auth.reauth.confirm')}
        </Button>
      )}
      {types.includes('webauthn') && hasPasskeys() && (
        <Button
          size="md"
          variant="default"
          leftSection={<IconFingerprint size={20} stroke={1.75} aria-hidden />}
          loading={passkey.isBusy}
          onClick={() => void passkey.run()}
        >
          {t('auth.usePasskey')}
        </Button>
      )}
      {hasCode && hasPassword && (
        <Button
          variant="subtle"
          onClick={() => {
            setIsCode(!isCode);
            setValue('');
          }}
        >
          {t(isCode ? 'auth.reauth.usePassword' : 'auth.reauth.useCode')}
        </Button>
      )}
    </form>
  );
}

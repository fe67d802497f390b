import { Button, TextInput } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { deviceName } from '../../../lib/userAgent';
import { missing } from '../../auth/authErrors';
import { FormProblem } from '../../auth/FormProblem';
import { useAuthForm } from '../../auth/useAuthForm';
import { addPasskey } from './secondFactorApi';
import classes from './security.module.css';

export const PASSKEY_NAME_LENGTH = 100;

/** A name to know the passkey by, then the browser asks for finger, face or PIN. */
export function AddPasskeyForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState(() => deviceName(t, navigator.userAgent));
  const { errors, isBusy, onSubmit } = useAuthForm(['name'], () => addPasskey(name.trim()), {
    validate: () => missing(t, { name }),
    refreshesMe: false,
    onDone,
  });
  return (
    <form className={classes.stack} onSubmit={onSubmit} noValidate>
      <FormProblem text={errors.form} />
      <TextInput
        label={t('settings.passkeys.name')}
        maxLength={PASSKEY_NAME_LENGTH}
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={errors.fields.name}
      />
      <Button
        type="submit"
        variant="default"
        leftSection={<IconFingerprint size={20} stroke={1.75} aria-hidden />}
        loading={isBusy}
      >
        {t('settings.passkeys.add')}
      </Button>
    </form>
  );
}

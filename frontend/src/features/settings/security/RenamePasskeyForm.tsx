import { Button, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { missing } from '../../auth/authErrors';
import { FormProblem } from '../../auth/FormProblem';
import { useAuthForm } from '../../auth/useAuthForm';
import { PASSKEY_NAME_LENGTH } from './AddPasskeyForm';
import { authenticatorsKey, renamePasskey, type Passkey } from './secondFactorApi';
import classes from './security.module.css';

export function RenamePasskeyForm({ passkey, onDone }: { passkey: Passkey; onDone: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [name, setName] = useState(passkey.name);
  const { errors, isBusy, onSubmit } = useAuthForm(['name'], () => renamePasskey(passkey.id, name.trim()), {
    validate: () => missing(t, { name }),
    refreshesMe: false,
    onDone: () => {
      onDone();
      void queryClient.invalidateQueries({ queryKey: authenticatorsKey });
    },
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
      <Button type="submit" loading={isBusy}>
        {t('settings.save')}
      </Button>
    </form>
  );
}

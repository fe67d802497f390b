import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { toast } from '../../lib/toast';
import { FormProblem } from '../auth/FormProblem';
import { PasswordField } from '../auth/PasswordField';
import { changePassword } from '../auth/session';
import classes from '../auth/SignInPage.module.css';
import { useAuthForm } from '../auth/useAuthForm';

interface PasswordDialogProps {
  opened: boolean;
  onClose: () => void;
}

export function PasswordDialog({ opened, onClose }: PasswordDialogProps) {
  const { t } = useTranslation();
  return (
    <Modal opened={opened} onClose={onClose} title={t('account.changePassword')} size="sm">
      <PasswordForm onDone={onClose} />
    </Modal>
  );
}

function PasswordForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const { errors, isBusy, onSubmit } = useAuthForm(['current', 'next'], () => changePassword(current, next), {
    aliases: { current_password: 'current', new_password: 'next' },
    validate: () => ({
      ...(!current && { current: t('auth.errors.required') }),
      ...(!next && { next: t('auth.errors.required') }),
    }),
    onDone: () => {
      onDone();
      toast({ title: t('account.passwordChanged'), color: 'green' });
    },
  });
  return (
    <form className={classes.form} onSubmit={onSubmit} noValidate>
      <FormProblem text={errors.form} />
      <PasswordField
        label={t('account.currentPassword')}
        autoComplete="current-password"
        data-autofocus
        value={current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
        error={errors.fields.current}
      />
      <PasswordField
        label={t('account.newPassword')}
        description={t('auth.passwordRules')}
        autoComplete="new-password"
        value={next}
        onChange={(event) => setNext(event.currentTarget.value)}
        error={errors.fields.next}
      />
      <Button type="submit" size="md" loading={isBusy}>
        {t('account.changePassword')}
      </Button>
    </form>
  );
}

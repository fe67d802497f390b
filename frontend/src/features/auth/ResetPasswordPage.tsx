import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { toast } from '../../lib/toast';
import { Splash } from '../shell/Splash';
import { missing, problemText } from './authErrors';
import { EntryPage } from './EntryPage';
import { FormProblem } from './FormProblem';
import { PasswordField } from './PasswordField';
import { checkResetKey, resetPassword } from './session';
import classes from './EntryPage.module.css';
import { useAuthForm } from './useAuthForm';

/** Where the link of a reset mail leads. */
export default function ResetPasswordPage() {
  const { t } = useTranslation();
  const { key = '' } = useParams({ strict: false });
  const check = useQuery({
    queryKey: ['entry', 'reset', key],
    queryFn: () => checkResetKey(key).then(() => true),
    gcTime: 0,
    retry: false,
  });
  if (check.isPending) return <Splash />;
  if (check.isError) {
    return (
      <EntryPage
        title={t('auth.reset.title')}
        foot={
          <Link to="/reset-password" className={classes.link}>
            {t('auth.reset.again')}
          </Link>
        }
      >
        <FormProblem text={problemText(t, check.error)} />
      </EntryPage>
    );
  }
  return (
    <EntryPage title={t('auth.reset.newTitle')}>
      <NewPasswordForm resetKey={key} />
    </EntryPage>
  );
}

function NewPasswordForm({ resetKey }: { resetKey: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [password, setPassword] = useState('');
  const { errors, isBusy, onSubmit } = useAuthForm(['password'], () => resetPassword(resetKey, password), {
    validate: () => missing(t, { password }),
    onDone: () => {
      toast({ title: t('account.passwordChanged'), color: 'green' });
      void navigate({ to: '/sign-in', replace: true });
    },
  });
  return (
    <form className={classes.form} onSubmit={onSubmit} noValidate>
      <FormProblem text={errors.form} />
      <PasswordField
        label={t('account.newPassword')}
        description={t('auth.passwordRules')}
        autoComplete="new-password"
        autoFocus
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        error={errors.fields.password}
      />
      <Button type="submit" size="md" fullWidth loading={isBusy}>
        {t('account.changePassword')}
      </Button>
    </form>
  );
}

import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { toast } from '../../../lib/toast';
import { FormProblem } from '../../auth/FormProblem';
import { PasswordField } from '../../auth/PasswordField';
import { changePassword } from '../../auth/session';
import classes from '../../auth/SignInPage.module.css';
import { useAuthForm } from '../../auth/useAuthForm';
import { Block } from '../Block';

const EMPTY = { current: '', next: '' };

export function PasswordBlock() {
  const { t } = useTranslation();
  const [{ current, next }, setValues] = useState(EMPTY);
  const { errors, isBusy, onSubmit } = useAuthForm(['current', 'next'], () => changePassword(current, next), {
    aliases: { current_password: 'current', new_password: 'next' },
    validate: () => ({
      ...(!current && { current: t('auth.errors.required') }),
      ...(!next && { next: t('auth.errors.required') }),
    }),
    onDone: () => {
      setValues(EMPTY);
      toast({ title: t('account.passwordChanged'), color: 'green' });
    },
  });
  return (
    <Block title={t('account.changePassword')}>
      <form className={classes.form} onSubmit={onSubmit} noValidate>
        <FormProblem text={errors.form} />
        <PasswordField
          label={t('account.currentPassword')}
          autoComplete="current-password"
          value={current}
          onChange={(event) => setValues({ current: event.currentTarget.value, next })}
          error={errors.fields.current}
        />
        <PasswordField
          label={t('account.newPassword')}
          description={t('auth.passwordRules')}
          autoComplete="new-password"
          value={next}
          onChange={(event) => setValues({ current, next: event.currentTarget.value })}
          error={errors.fields.next}
        />
        <div>
          <Button type="submit" loading={isBusy}>
            {t('account.changePassword')}
          </Button>
        </div>
      </form>
    </Block>
  );
}

import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { toast } from '../../../lib/toast';
import { missing } from '../../auth/authErrors';
import { FormProblem } from '../../auth/FormProblem';
import { PasswordField } from '../../auth/PasswordField';
import { useAuthForm } from '../../auth/useAuthForm';
import { hasPassword, hasPasswordKey } from '../account/accountApi';
import { Block } from '../Block';
import { changePassword } from './passwordApi';
import classes from './security.module.css';

const EMPTY = { current: '', next: '' };

/** Another password, or a first one for those who came by single sign-on. */
export function PasswordBlock() {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const known = useQuery({ queryKey: hasPasswordKey, queryFn: hasPassword });
  const hasOne = known.data ?? true;
  const [{ current, next }, setValues] = useState(EMPTY);
  const { errors, isBusy, onSubmit } = useAuthForm(['current', 'next'], () => changePassword(current, next), {
    aliases: { current_password: 'current', new_password: 'next' },
    validate: () => missing(t, hasOne ? { current, next } : { next }),
    onDone: () => {
      setValues(EMPTY);
      toast({ title: t('account.passwordChanged'), color: 'green' });
      void queryClient.invalidateQueries({ queryKey: hasPasswordKey });
    },
  });
  const title = t(hasOne ? 'account.changePassword' : 'account.setPassword');
  return (
    <Block title={title}>
      <form className={classes.form} onSubmit={onSubmit} noValidate>
        <FormProblem text={errors.form} />
        {hasOne && (
          <PasswordField
            label={t('account.currentPassword')}
            autoComplete="current-password"
            value={current}
            onChange={(event) => setValues({ current: event.currentTarget.value, next })}
            error={errors.fields.current}
          />
        )}
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
            {title}
          </Button>
        </div>
      </form>
    </Block>
  );
}

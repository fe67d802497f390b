import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';

import { toast } from '../../lib/toast';
import { Splash } from '../shell/Splash';
import { problemText } from './authErrors';
import { EntryPage } from './EntryPage';
import { FormProblem } from './FormProblem';
import { verificationAddress, verifyEmailByLink } from './session';
import classes from './EntryPage.module.css';
import { useAuthForm } from './useAuthForm';

/** Where the link of a verification mail leads. It asks, because mail programs open links by themselves. */
export default function ConfirmEmailPage() {
  const { t } = useTranslation();
  const { key = '' } = useParams({ strict: false });
  const navigate = useNavigate();
  const address = useQuery({
    queryKey: ['entry', 'email', key],
    queryFn: () => verificationAddress(key),
    gcTime: 0,
    retry: false,
  });
  const { errors, isBusy, onSubmit } = useAuthForm([], () => verifyEmailByLink(key), {
    onDone: () => {
      toast({ title: t('auth.verify.done'), color: 'green' });
      void navigate({ to: '/', replace: true });
    },
  });
  if (address.isPending) return <Splash />;
  if (address.isError) {
    return (
      <EntryPage
        title={t('auth.verify.title')}
        foot={
          <Link to="/" className={classes.link}>
            {t('auth.toPortal')}
          </Link>
        }
      >
        <FormProblem text={problemText(t, address.error)} />
      </EntryPage>
    );
  }
  return (
    <EntryPage title={t('auth.verify.title')} lead={t('auth.verify.isYours', { email: address.data })}>
      <form className={classes.form} onSubmit={onSubmit} noValidate>
        <FormProblem text={errors.form} />
        <Button type="submit" size="md" fullWidth autoFocus loading={isBusy}>
          {t('auth.verify.confirm')}
        </Button>
      </form>
    </EntryPage>
  );
}

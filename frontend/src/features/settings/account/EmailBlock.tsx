import { ActionIcon, Button, Menu, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { IconDots, IconMail } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { queryKeys } from '../../../api/client';
import { missing } from '../../auth/authErrors';
import { FormProblem } from '../../auth/FormProblem';
import { useAuthForm } from '../../auth/useAuthForm';
import { Block } from '../Block';
import { Loaded } from '../Loaded';
import rows from '../rows.module.css';
import { useAction } from '../useAction';
import { addEmail, emails, emailsKey, makePrimary, removeEmail, resendEmail, type EmailAddress } from './accountApi';

/** Addresses: which is used, which are verified, and another one. */
export function EmailBlock() {
  const { t } = useTranslation();
  const list = useQuery({ queryKey: emailsKey, queryFn: emails });
  return (
    <Block title={t('settings.emails.title')} lead={t('settings.emails.lead')}>
      <Loaded query={list}>
        {(found) =>
          found.length > 0 && (
            <ul className={rows.rows} aria-label={t('settings.emails.title')}>
              {found.map((address) => (
                <EmailRow key={address.email} address={address} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <AddEmailForm />
    </Block>
  );
}

function EmailRow({ address }: { address: EmailAddress }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const { isBusy, run } = useAction(emailsKey);
  const { email, verified, primary } = address;
  const change = async (action: (email: string) => Promise<void>, done: string) => {
    // The address in use is part of who is signed in.
    if (await run(() => action(email), done)) await queryClient.invalidateQueries({ queryKey: queryKeys.me });
  };
  return (
    <li className={rows.row}>
      <IconMail size={20} stroke={1.75} aria-hidden />
      <div className={`${rows.words} ${rows.name}`}>
        {email}
        {primary && <span className={rows.badge}>{t('settings.emails.primary')}</span>}
        <span className={rows.badge} data-kind={verified ? 'ok' : 'warn'}>
          {t(verified ? 'settings.emails.verified' : 'settings.emails.unverified')}
        </span>
      </div>
      {(!verified || !primary) && (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon
              variant="subtle"
              color="gray"
              loading={isBusy}
              aria-label={t('settings.emails.actions', { email })}
            >
              <IconDots size={18} stroke={1.75} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {!verified && (
              <Menu.Item onClick={() => void change(resendEmail, t('settings.emails.sent'))}>
                {t('settings.emails.resend')}
              </Menu.Item>
            )}
            {!primary && (
              <Menu.Item onClick={() => void change(makePrimary, t('settings.emails.nowPrimary'))}>
                {t('settings.emails.makePrimary')}
              </Menu.Item>
            )}
            {!primary && (
              <Menu.Item color="red" onClick={() => void change(removeEmail, t('settings.emails.removed'))}>
                {t('settings.emails.remove')}
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
    </li>
  );
}

function AddEmailForm() {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [email, setEmail] = useState('');
  const { errors, isBusy, onSubmit } = useAuthForm(['email'], () => addEmail(email.trim()), {
    validate: () => missing(t, { email }),
    onDone: () => {
      setEmail('');
      void queryClient.invalidateQueries({ queryKey: emailsKey });
    },
  });
  return (
    <form className={rows.under} onSubmit={onSubmit} noValidate>
      <FormProblem text={errors.form} />
      <div className={rows.add}>
        <TextInput
          type="email"
          label={t('settings.emails.another')}
          autoComplete="email"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          error={errors.fields.email}
        />
        <Button type="submit" variant="default" loading={isBusy}>
          {t('settings.emails.add')}
        </Button>
      </div>
    </form>
  );
}

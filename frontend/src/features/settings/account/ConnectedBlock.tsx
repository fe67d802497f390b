import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconLink } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { FormProblem } from '../../auth/FormProblem';
import { useProviderError } from '../../auth/providerError';
import { entryConfig, leaveForProvider } from '../../auth/session';
import { Block } from '../Block';
import { ConfirmDialog } from '../ConfirmDialog';
import { Loaded } from '../Loaded';
import rows from '../rows.module.css';
import { useAction } from '../useAction';
import { connectedAccounts, connectedKey, disconnect, type ConnectedAccount } from './accountApi';

/** Accounts of other sites that sign this person in; nothing where the server has no single sign-on. */
export function ConnectedBlock() {
  const { t } = useTranslation();
  const problem = useProviderError('connect');
  const config = useQuery({ queryKey: ['account', 'config'], queryFn: entryConfig });
  const list = useQuery({ queryKey: connectedKey, queryFn: connectedAccounts });
  const { isBusy, run } = useAction(connectedKey);
  const [asked, setAsked] = useState<ConnectedAccount | null>(null);
  const providers = config.data?.providers ?? [];
  const connected = list.data ?? [];
  if (providers.length === 0 && connected.length === 0) return null;
  const others = providers.filter(({ id }) => !connected.some(({ provider }) => provider.id === id));
  return (
    <Block title={t('settings.connected.title')} lead={t('settings.connected.lead')}>
      <FormProblem text={problem} />
      <Loaded query={list}>
        {(found) =>
          found.length > 0 && (
            <ul className={rows.rows} aria-label={t('settings.connected.title')}>
              {found.map((account) => (
                <li key={`${account.provider.id} ${account.uid}`} className={rows.row}>
                  <IconLink size={20} stroke={1.75} aria-hidden />
                  <div className={rows.words}>
                    <div className={rows.name}>{account.provider.name}</div>
                    <div className={rows.note}>{account.display}</div>
                  </div>
                  <Button
                    variant="default"
                    loading={isBusy}
                    aria-label={t('settings.connected.disconnectOne', { provider: account.provider.name })}
                    onClick={() => setAsked(account)}
                  >
                    {t('settings.connected.disconnect')}
                  </Button>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {others.length > 0 && (
        <Group gap="sm" className={rows.under}>
          {others.map(({ id, name }) => (
            <Button key={id} variant="default" onClick={() => leaveForProvider(id, 'connect', '/settings/account')}>
              {t('settings.connected.connect', { provider: name })}
            </Button>
          ))}
        </Group>
      )}
      <ConfirmDialog
        title={asked && t('settings.connected.disconnectOne', { provider: asked.provider.name })}
        text={t('settings.connected.disconnectText')}
        action={t('settings.connected.disconnect')}
        onClose={() => setAsked(null)}
        onConfirm={() => {
          if (asked) void run(() => disconnect(asked), t('settings.connected.disconnected'));
        }}
      />
    </Block>
  );
}

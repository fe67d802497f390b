import { Menu, Text, UnstyledButton } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { IconActivity, IconKeyboard, IconLogout, IconSettings, IconShieldLock } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { queryKeys } from '../../api/client';
import { serverUrl } from '../../lib/server';
import { toastError } from '../../lib/toast';
import { signOut } from '../auth/session';
import { maySeeStatus } from '../status/access';
import { useSession } from './sessionContext';
import classes from './AccountMenu.module.css';

const ICON = { size: 18, stroke: 1.75, 'aria-hidden': true } as const;

export function AccountMenu({ onHelp }: { onHelp: () => void }) {
  const { t } = useTranslation();
  const { user, version } = useSession();
  const leave = useSignOut();
  const navigate = useNavigate();
  return (
    <>
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <UnstyledButton className={classes.button} aria-label={t('account.menu', { name: user.username })}>
            <span className={classes.avatar} aria-hidden>
              {user.username.slice(0, 1)}
            </span>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <div className={classes.who}>
            <Text fw={600} truncate>
              {user.username}
            </Text>
            <Text size="xs" c="dimmed" truncate>
              {user.email || t(user.is_staff ? 'account.staff' : 'account.member')}
            </Text>
          </div>
          <Menu.Divider />
          {user.is_staff && (
            <Menu.Item component="a" href={serverUrl('admin/')} leftSection={<IconShieldLock {...ICON} />}>
              {t('account.admin')}
            </Menu.Item>
          )}
          {maySeeStatus(user) && (
            <Menu.Item leftSection={<IconActivity {...ICON} />} onClick={() => void navigate({ to: '/status' })}>
              {t('status.title')}
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconSettings {...ICON} />} onClick={() => void navigate({ to: '/settings' })}>
            {t('nav.settings')}
          </Menu.Item>
          <Menu.Item leftSection={<IconKeyboard {...ICON} />} onClick={onHelp}>
            {t('help.title')}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item leftSection={<IconLogout {...ICON} />} onClick={() => void leave()}>
            {t('account.signOut')}
          </Menu.Item>
          <Text size="xs" c="dimmed" className={classes.version}>
            {t('account.version', { version })}
          </Text>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

function useSignOut(): () => Promise<void> {
  const queryClient = useQueryClient();
  return async () => {
    try {
      await signOut();
      await queryClient.refetchQueries({ queryKey: queryKeys.me });
      // Nothing of this person may be left for the next one.
      queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== queryKeys.me[0] });
    } catch (error) {
      toastError(error);
    }
  };
}

import { TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import { useMe } from '../../shell/useMe';
import { useSession } from '../../shell/sessionContext';
import { Block } from '../Block';
import { AppearanceBlock } from './AppearanceBlock';
import { ConnectedBlock } from './ConnectedBlock';
import { EmailBlock } from './EmailBlock';

export default function AccountSection() {
  const { t } = useTranslation();
  const { user } = useSession();
  const me = useMe();
  return (
    <>
      <Block title={t('settings.profile.title')}>
        <TextInput
          label={t('auth.username')}
          description={t('settings.profile.hint')}
          value={user.username}
          readOnly
          maw={400}
        />
      </Block>
      {!me.sso_only && <EmailBlock />}
      <ConnectedBlock />
      <AppearanceBlock />
    </>
  );
}

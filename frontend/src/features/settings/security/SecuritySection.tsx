import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';

import { hasPasskeys } from '../../../lib/webauthn';
import { useMe } from '../../shell/useMe';
import { Block } from '../Block';
import { Loaded } from '../Loaded';
import { PasskeysBlock } from './PasskeysBlock';
import { PasswordBlock } from './PasswordBlock';
import { RecoveryBlock } from './RecoveryBlock';
import { authenticators, authenticatorsKey, type Authenticator, type Passkey } from './secondFactorApi';
import { TotpBlock } from './TotpBlock';

export default function SecuritySection() {
  const { t } = useTranslation();
  const me = useMe();
  const factors = useQuery({ queryKey: authenticatorsKey, queryFn: authenticators });
  return (
    <>
      {!me.sso_only && <PasswordBlock />}
      {factors.data ? (
        <Factors factors={factors.data} offersPasskeys={me.passkeys && hasPasskeys()} />
      ) : (
        <Block title={t('settings.totp.title')}>
          <Loaded query={factors}>{() => null}</Loaded>
        </Block>
      )}
    </>
  );
}

function Factors({ factors, offersPasskeys }: { factors: readonly Authenticator[]; offersPasskeys: boolean }) {
  const totp = factors.find((factor) => factor.type === 'totp');
  const recovery = factors.find((factor) => factor.type === 'recovery_codes');
  const passkeys = factors.filter((factor): factor is Passkey => factor.type === 'webauthn');
  return (
    <>
      <TotpBlock factor={totp} hasCodes={recovery !== undefined} />
      {(offersPasskeys || passkeys.length > 0) && (
        <PasskeysBlock passkeys={passkeys} canAdd={offersPasskeys} hasCodes={recovery !== undefined} />
      )}
      {(totp || passkeys.length > 0) && <RecoveryBlock factor={recovery} />}
    </>
  );
}

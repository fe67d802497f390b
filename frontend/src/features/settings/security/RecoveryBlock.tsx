import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';

import { Block } from '../Block';
import { ConfirmDialog } from '../ConfirmDialog';
import { useAction } from '../useAction';
import { authenticatorsKey, newRecoveryCodes, type RecoveryFactor } from './secondFactorApi';
import { useFreshCodes } from './useFreshCodes';

/** How many recovery codes are left, and new ones. */
export function RecoveryBlock({ factor }: { factor: RecoveryFactor | undefined }) {
  const { t } = useTranslation();
  const [isAsking, asking] = useDisclosure(false);
  const { isBusy, run } = useAction(authenticatorsKey);
  const fresh = useFreshCodes();
  const make = () => void run(async () => fresh.show(await newRecoveryCodes()));
  return (
    <Block
      title={t('settings.recovery.title')}
      lead={
        factor
          ? t('settings.recovery.left', { count: factor.unused_code_count, total: factor.total_code_count })
          : t('settings.recovery.none')
      }
    >
      <Button variant="default" loading={isBusy} onClick={factor ? asking.open : make}>
        {t('settings.recovery.make')}
      </Button>
      <ConfirmDialog
        title={isAsking ? t('settings.recovery.makeTitle') : null}
        text={t('settings.recovery.makeText')}
        action={t('settings.recovery.make')}
        onClose={asking.close}
        onConfirm={make}
      />
      {fresh.dialog}
    </Block>
  );
}

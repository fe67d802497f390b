import { Button, Modal } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';

import { formatRelative } from '../../../lib/relativeTime';
import { useNow } from '../../../lib/useNow';
import { Block } from '../Block';
import { ConfirmDialog } from '../ConfirmDialog';
import rows from '../rows.module.css';
import { useAction } from '../useAction';
import { authenticatorsKey, recoveryCodes, removeTotp, type TotpFactor } from './secondFactorApi';
import { TotpSetup } from './TotpSetup';
import { useFreshCodes } from './useFreshCodes';

interface TotpBlockProps {
  factor: TotpFactor | undefined;
  /** Whether there are recovery codes already; else they come with the first second factor. */
  hasCodes: boolean;
}

/** Codes of an app on the phone. */
export function TotpBlock({ factor, hasCodes }: TotpBlockProps) {
  const { t } = useTranslation();
  const [isSettingUp, setup] = useDisclosure(false);
  const [isRemoving, removal] = useDisclosure(false);
  const { isBusy, run } = useAction(authenticatorsKey);
  const fresh = useFreshCodes();
  const onAdded = () => {
    setup.close();
    void run(async () => fresh.show(hasCodes ? [] : await recoveryCodes()), t('settings.totp.added'));
  };
  return (
    <Block
      title={t('settings.totp.title')}
      lead={t('settings.totp.lead')}
      side={
        <span className={rows.badge} data-kind={factor && 'ok'}>
          {t(factor ? 'settings.on' : 'settings.off')}
        </span>
      }
    >
      {factor ? (
        <div className={rows.row}>
          <LastUsed factor={factor} />
          <Button variant="default" color="red" loading={isBusy} onClick={removal.open}>
            {t('settings.totp.remove')}
          </Button>
        </div>
      ) : (
        <Button onClick={setup.open}>{t('settings.totp.setUp')}</Button>
      )}
      <Modal
        opened={isSettingUp}
        onClose={setup.close}
        title={t('settings.totp.title')}
        size="lg"
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <TotpSetup onDone={onAdded} />
      </Modal>
      <ConfirmDialog
        title={isRemoving ? t('settings.totp.removeTitle') : null}
        text={t('settings.totp.removeText')}
        action={t('settings.totp.remove')}
        onClose={removal.close}
        onConfirm={() => void run(removeTotp, t('settings.totp.removed'))}
      />
      {fresh.dialog}
    </Block>
  );
}

/** When it was added and last used. */
export function LastUsed({ factor }: { factor: { created_at: number; last_used_at: number | null } }) {
  const { t, i18n } = useTranslation();
  const now = useNow(false);
  const ago = (seconds: number) => formatRelative(i18n.language, seconds * 1000, now);
  return (
    <div className={`${rows.words} ${rows.note}`}>
      {t('settings.addedAt', { time: ago(factor.created_at) })}
      {' · '}
      {factor.last_used_at ? t('settings.usedAt', { time: ago(factor.last_used_at) }) : t('settings.neverUsed')}
    </div>
  );
}

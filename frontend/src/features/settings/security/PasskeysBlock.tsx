import { ActionIcon, Button, Modal, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconFingerprint, IconPencil, IconTrash } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import { Block } from '../Block';
import { ConfirmDialog } from '../ConfirmDialog';
import rows from '../rows.module.css';
import { useAction } from '../useAction';
import { AddPasskeyForm } from './AddPasskeyForm';
import { RenamePasskeyForm } from './RenamePasskeyForm';
import { authenticatorsKey, recoveryCodes, removePasskey, type Passkey } from './secondFactorApi';
import { LastUsed } from './TotpBlock';
import { useFreshCodes } from './useFreshCodes';

const ICON = { size: 18, stroke: 1.75, 'aria-hidden': true } as const;

interface PasskeysBlockProps {
  passkeys: readonly Passkey[];
  /** Whether this browser, at this address, can make one. */
  canAdd: boolean;
  /** Whether there are recovery codes already; else they come with the first second factor. */
  hasCodes: boolean;
}

export function PasskeysBlock({ passkeys, canAdd, hasCodes }: PasskeysBlockProps) {
  const { t } = useTranslation();
  const [isAdding, adding] = useDisclosure(false);
  const [renamed, setRenamed] = useState<Passkey | null>(null);
  const [removed, setRemoved] = useState<Passkey | null>(null);
  const { isBusy, run } = useAction(authenticatorsKey);
  const fresh = useFreshCodes();
  const onAdded = () => {
    adding.close();
    void run(async () => fresh.show(hasCodes ? [] : await recoveryCodes()), t('settings.passkeys.added'));
  };
  return (
    <Block title={t('settings.passkeys.title')} lead={t('settings.passkeys.lead')}>
      {passkeys.length > 0 && (
        <ul className={rows.rows} aria-label={t('settings.passkeys.title')}>
          {passkeys.map((passkey) => (
            <li key={passkey.id} className={rows.row}>
              <IconFingerprint size={20} stroke={1.75} aria-hidden />
              <div className={rows.words}>
                <div className={rows.name}>{passkey.name}</div>
                <LastUsed factor={passkey} />
              </div>
              <Tooltip label={t('settings.passkeys.rename')}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('settings.passkeys.renameOne', { name: passkey.name })}
                  onClick={() => setRenamed(passkey)}
                >
                  <IconPencil {...ICON} />
                </ActionIcon>
              </Tooltip>
              <Tooltip label={t('settings.passkeys.remove')}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('settings.passkeys.removeOne', { name: passkey.name })}
                  onClick={() => setRemoved(passkey)}
                >
                  <IconTrash {...ICON} />
                </ActionIcon>
              </Tooltip>
            </li>
          ))}
        </ul>
      )}
      {canAdd && (
        <Button
          className={passkeys.length > 0 ? rows.under : undefined}
          variant={passkeys.length > 0 ? 'default' : 'filled'}
          loading={isBusy}
          onClick={adding.open}
        >
          {t('settings.passkeys.add')}
        </Button>
      )}
      <PasskeyModal opened={isAdding} title={t('settings.passkeys.add')} onClose={adding.close}>
        <AddPasskeyForm onDone={onAdded} />
      </PasskeyModal>
      <PasskeyModal opened={renamed !== null} title={t('settings.passkeys.rename')} onClose={() => setRenamed(null)}>
        {renamed && <RenamePasskeyForm passkey={renamed} onDone={() => setRenamed(null)} />}
      </PasskeyModal>
      <ConfirmDialog
        title={removed && t('settings.passkeys.removeTitle', { name: removed.name })}
        text={t('settings.passkeys.removeText')}
        action={t('settings.passkeys.remove')}
        onClose={() => setRemoved(null)}
        onConfirm={() => {
          if (removed) void run(() => removePasskey(removed.id), t('settings.passkeys.removed'));
        }}
      />
      {fresh.dialog}
    </Block>
  );
}

interface PasskeyModalProps {
  opened: boolean;
  title: string;
  onClose: () => void;
  children: ReactNode;
}

function PasskeyModal({ opened, title, onClose, children }: PasskeyModalProps) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={title}
      size="sm"
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {children}
    </Modal>
  );
}

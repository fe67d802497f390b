import { Modal, Text } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import { RecoveryCodes } from './RecoveryCodes';

/** Recovery codes that were just made (with the first second factor, or anew), and the dialog that shows them once. */
export function useFreshCodes(): { show: (codes: readonly string[]) => void; dialog: ReactNode } {
  const { t } = useTranslation();
  const [codes, setCodes] = useState<readonly string[]>([]);
  const close = () => setCodes([]);
  const dialog = (
    <Modal
      opened={codes.length > 0}
      onClose={close}
      title={t('settings.recovery.title')}
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <Text size="sm" mb="md">
        {t('settings.recovery.keep')}
      </Text>
      <RecoveryCodes codes={codes} onDone={close} />
    </Modal>
  );
  return { show: setCodes, dialog };
}

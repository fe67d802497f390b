import { Text } from '@mantine/core';
import { IconPlayerPause } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import classes from './Queue.module.css';

/** That nothing new begins, and why; `children` say more. */
export function PausedNotice({ reason, children }: { reason: string; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div className={classes.paused} role="status">
      <IconPlayerPause size={18} stroke={1.75} aria-hidden />
      <div>
        <Text size="sm" fw={600}>
          {t('queue.paused')}
        </Text>
        <Text size="sm">{reason || t('queue.pausedHint')}</Text>
        {children}
      </div>
    </div>
  );
}

import { Text } from '@mantine/core';
import { IconPlayerPause } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { useQueue } from '../../lib/queueStore';
import classes from './Queue.module.css';

/** Says that nothing new begins, and why. */
export function PausedBanner() {
  const { t } = useTranslation();
  const queue = useQueue((state) => state.queue);
  if (!queue?.paused) return null;
  return (
    <div className={classes.paused} role="status">
      <IconPlayerPause size={18} stroke={1.75} aria-hidden />
      <div>
        <Text size="sm" fw={600}>
          {t('queue.paused')}
        </Text>
        <Text size="sm">{queue.reason || t('queue.pausedHint')}</Text>
      </div>
    </div>
  );
}

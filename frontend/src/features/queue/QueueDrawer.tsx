import { Drawer, SegmentedControl } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { PHONE_QUERY } from '../../theme';
import { useRight } from '../shell/sessionContext';
import { EveryoneList } from './EveryoneList';
import { MineList } from './MineList';
import { PauseControl } from './PauseControl';
import { PausedBanner } from './PausedBanner';
import classes from './Queue.module.css';

interface QueueDrawerProps {
  opened: boolean;
  onClose: () => void;
}

/** The queue: my jobs, and everybody's as far as I may see them. A sheet from below on phones. */
export function QueueDrawer({ opened, onClose }: QueueDrawerProps) {
  const { t } = useTranslation();
  const isPhone = useMediaQuery(PHONE_QUERY);
  const mayManage = useRight('generation.manage_queue');
  const [tab, setTab] = useState('mine');
  return (
    <Drawer
      opened={opened}
      onClose={onClose}
      position={isPhone ? 'bottom' : 'right'}
      size={isPhone ? '80%' : 420}
      title={<span className={classes.title}>{t('queue.title')}</span>}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <div className={classes.drawer}>
        <SegmentedControl
          fullWidth
          value={tab}
          onChange={setTab}
          aria-label={t('queue.whose')}
          data={[
            { value: 'mine', label: t('queue.mine') },
            { value: 'everyone', label: t('queue.everyone') },
          ]}
        />
        <PausedBanner />
        {tab === 'mine' ? <MineList /> : <EveryoneList />}
        {mayManage && <PauseControl />}
      </div>
    </Drawer>
  );
}

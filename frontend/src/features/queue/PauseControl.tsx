import { Button, TextInput } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';

import { api } from '../../api/client';
import { attempt } from '../../lib/jobActions';
import { useQueue } from '../../lib/queueStore';
import classes from './Queue.module.css';

const MAX_REASON = 200;

/** For those who manage the queue: nothing new begins until they say so. */
export function PauseControl() {
  const { t } = useTranslation();
  const isPaused = useQueue((state) => state.queue?.paused ?? false);
  const [reason, setReason] = useState('');
  const [isBusy, setIsBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setIsBusy(true);
    await attempt(async () => {
      useQueue.setState({ queue: isPaused ? await api.resumeQueue() : await api.pauseQueue(reason) });
    });
    setReason('');
    setIsBusy(false);
  };

  return (
    <form className={classes.manage} onSubmit={(event) => void submit(event)}>
      {!isPaused && (
        <TextInput
          label={t('queue.reason')}
          placeholder={t('queue.reasonHint')}
          maxLength={MAX_REASON}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      )}
      <Button
        type="submit"
        variant="default"
        loading={isBusy}
        leftSection={
          isPaused ? (
            <IconPlayerPlay size={18} stroke={1.75} aria-hidden />
          ) : (
            <IconPlayerPause size={18} stroke={1.75} aria-hidden />
          )
        }
      >
        {t(isPaused ? 'queue.resume' : 'queue.pause')}
      </Button>
    </form>
  );
}

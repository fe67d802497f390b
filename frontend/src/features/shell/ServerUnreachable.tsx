import { Button, Text } from '@mantine/core';
import { IconCloudOff } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { errorText } from '../../lib/errorText';
import classes from './Splash.module.css';

interface ServerUnreachableProps {
  error: unknown;
  onRetry: () => void;
}

export function ServerUnreachable({ error, onRetry }: ServerUnreachableProps) {
  const { t } = useTranslation();
  const { message, hint } = errorText(t, error);
  return (
    <main className={classes.splash}>
      <div className={classes.box} role="alert">
        <IconCloudOff size={40} stroke={1.5} color="var(--muted)" aria-hidden />
        <h1>{message}</h1>
        <Text c="dimmed">{hint}</Text>
        <Button onClick={onRetry}>{t('common.retry')}</Button>
      </div>
    </main>
  );
}

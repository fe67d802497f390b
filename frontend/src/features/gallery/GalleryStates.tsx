import { Button } from '@mantine/core';
import { IconCloudOff, IconPhotoSearch, IconSparkles } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import { errorText } from '../../lib/errorText';
import classes from './GalleryStates.module.css';

export function NothingYet() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Message
      icon={<IconSparkles size={32} stroke={1.5} aria-hidden />}
      title={t('gallery.empty')}
      text={t('gallery.emptyHint')}
      action={<Button onClick={() => void navigate({ to: '/' })}>{t('gallery.toGenerate')}</Button>}
    />
  );
}

export function NoMatch({ onClear }: { onClear: () => void }) {
  const { t } = useTranslation();
  return (
    <Message
      icon={<IconPhotoSearch size={32} stroke={1.5} aria-hidden />}
      title={t('gallery.noMatch')}
      text={t('gallery.noMatchHint')}
      action={
        <Button variant="default" onClick={onClear}>
          {t('gallery.clearFilters')}
        </Button>
      }
    />
  );
}

export function LoadFailed({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const { t } = useTranslation();
  const { message, hint } = errorText(t, error);
  return (
    <Message
      icon={<IconCloudOff size={32} stroke={1.5} aria-hidden />}
      title={message}
      text={hint}
      isAlert
      action={
        <Button variant="default" onClick={onRetry}>
          {t('common.retry')}
        </Button>
      }
    />
  );
}

interface MessageProps {
  icon: ReactNode;
  title: string;
  text: string;
  action: ReactNode;
  isAlert?: boolean;
}

function Message({ icon, title, text, action, isAlert = false }: MessageProps) {
  return (
    <div className={classes.message} role={isAlert ? 'alert' : undefined}>
      <span className={classes.icon}>{icon}</span>
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {action}
    </div>
  );
}

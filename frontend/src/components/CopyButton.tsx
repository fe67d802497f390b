import { ActionIcon, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';

import { copyText } from '../lib/clipboard';
import { toast } from '../lib/toast';

const SHOWN_MS = 1500;

interface CopyButtonProps {
  text: string;
  /** What is copied: «Copy prompt». */
  label: string;
}

export function CopyButton({ text, label }: CopyButtonProps) {
  const { t } = useTranslation();
  const [isDone, setIsDone] = useState(false);
  useEffect(() => {
    if (!isDone) return;
    const timer = setTimeout(() => setIsDone(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isDone]);
  const copy = async () => {
    const done = await copyText(text);
    setIsDone(done);
    if (!done) toast({ title: t('recipe.copyFailed'), color: 'red' });
  };
  return (
    <Tooltip label={isDone ? t('recipe.copied') : label}>
      <ActionIcon variant="subtle" color="gray" size={28} aria-label={label} onClick={() => void copy()}>
        {isDone ? (
          <IconCheck size={16} stroke={2} color="var(--ok)" aria-hidden />
        ) : (
          <IconCopy size={16} stroke={1.75} aria-hidden />
        )}
      </ActionIcon>
    </Tooltip>
  );
}

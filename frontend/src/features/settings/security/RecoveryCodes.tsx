import { Button, Group } from '@mantine/core';
import { IconCopy, IconDownload } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { copyText } from '../../../lib/clipboard';
import { toast } from '../../../lib/toast';
import classes from './security.module.css';

const ICON = { size: 18, stroke: 1.75, 'aria-hidden': true } as const;

interface RecoveryCodesProps {
  codes: readonly string[];
  onDone: () => void;
}

/** The codes, the only time that they are shown. */
export function RecoveryCodes({ codes, onDone }: RecoveryCodesProps) {
  const { t } = useTranslation();
  const text = codes.join('\n');
  const copy = async () => {
    const done = await copyText(text);
    toast(done ? { title: t('recipe.copied'), color: 'green' } : { title: t('recipe.copyFailed'), color: 'red' });
  };
  return (
    <div className={classes.stack}>
      <ul className={classes.codes} aria-label={t('settings.recovery.title')}>
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <Group gap="sm">
        <Button variant="default" leftSection={<IconCopy {...ICON} />} onClick={() => void copy()}>
          {t('settings.recovery.copy')}
        </Button>
        <Button
          component="a"
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(`${text}\n`)}`}
          download="recovery-codes.txt"
          variant="default"
          leftSection={<IconDownload {...ICON} />}
        >
          {t('settings.recovery.download')}
        </Button>
        <Button onClick={onDone} ml="auto">
          {t('settings.recovery.kept')}
        </Button>
      </Group>
    </div>
  );
}

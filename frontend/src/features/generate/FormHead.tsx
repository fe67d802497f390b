import { ActionIcon, Tooltip } from '@mantine/core';
import { IconRestore } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { toast } from '../../lib/toast';
import classes from './FormPane.module.css';
import { useForm } from './store';

export function FormHead() {
  const { t } = useTranslation();
  const { form, reset, change } = useForm();
  const resetWithUndo = () => {
    const before = form;
    reset();
    toast({ title: t('form.resetDone'), action: { label: t('common.undo'), run: () => change(before) } });
  };
  return (
    <div className={classes.head}>
      <h2 className={classes.headTitle}>{t('form.title')}</h2>
      <Tooltip label={t('form.reset')}>
        <ActionIcon variant="subtle" color="gray" aria-label={t('form.reset')} onClick={resetWithUndo}>
          <IconRestore size={18} stroke={1.75} />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}

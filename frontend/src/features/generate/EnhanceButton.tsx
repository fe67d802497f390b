import { ActionIcon, Tooltip } from '@mantine/core';
import { IconArrowBackUp, IconSparkles } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api } from '../../api/client';
import { toastError } from '../../lib/toast';
import classes from './FormPane.module.css';
import { sourceText, standing, type Enhancement } from './enhancement';
import { useForm } from './store';

const ICON = { size: 16, stroke: 1.75 } as const;

/** Says more of the same picture; pressed again another way, and back to the person's own words. */
export function EnhanceButton() {
  const { t } = useTranslation();
  const prompt = useForm(({ form }) => form.prompt);
  const change = useForm((store) => store.change);
  const [last, setLast] = useState<Enhancement | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const undoable = standing(last, prompt);

  const enhance = async () => {
    setIsBusy(true);
    try {
      const { original, prompt: result } = await api.enhancePrompt(sourceText(last, prompt));
      // What was typed meanwhile is newer than the answer.
      if (useForm.getState().form.prompt !== prompt) return;
      setLast({ original, result });
      change({ prompt: result });
    } catch (error) {
      toastError(error, () => void enhance());
    } finally {
      setIsBusy(false);
    }
  };

  const label = t(undoable ? 'form.enhanceAgain' : 'form.enhance');
  return (
    <span className={classes.tools}>
      {undoable && (
        <Tooltip label={t('form.enhanceUndo')}>
          <ActionIcon
            variant="subtle"
            size="sm"
            aria-label={t('form.enhanceUndo')}
            onClick={() => change({ prompt: undoable.original })}
          >
            <IconArrowBackUp {...ICON} />
          </ActionIcon>
        </Tooltip>
      )}
      <Tooltip label={label}>
        <ActionIcon
          variant="subtle"
          size="sm"
          aria-label={label}
          loading={isBusy}
          disabled={prompt.trim() === ''}
          onClick={() => void enhance()}
        >
          <IconSparkles {...ICON} />
        </ActionIcon>
      </Tooltip>
    </span>
  );
}

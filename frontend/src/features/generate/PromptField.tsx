import { Textarea } from '@mantine/core';
import { useRef, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';

import { useShortcut } from '../../lib/useShortcut';
import { CountedLabel } from './CountedLabel';
import { EnhanceButton } from './EnhanceButton';
import { useForm } from './store';
import { step } from './promptHistory';

export function PromptField() {
  const { t } = useTranslation();
  const { form, prompts, errors, change } = useForm();
  const input = useRef<HTMLTextAreaElement>(null);
  useShortcut('prompt', () => input.current?.focus());

  const onKeyDown = (event: KeyboardEvent) => {
    if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    event.preventDefault();
    const next = step(prompts, form.prompt, event.key === 'ArrowUp' ? 1 : -1);
    if (next !== null) change({ prompt: next });
  };

  return (
    <div>
      <CountedLabel htmlFor="prompt" label={t('form.prompt')} value={form.prompt} tools={<EnhanceButton />} />
      <Textarea
        id="prompt"
        ref={input}
        autosize
        minRows={3}
        maxRows={10}
        placeholder={t('form.promptPlaceholder')}
        value={form.prompt}
        onChange={(event) => change({ prompt: event.currentTarget.value })}
        onKeyDown={onKeyDown}
        error={errors.prompt}
      />
    </div>
  );
}

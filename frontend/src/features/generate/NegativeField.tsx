import { Textarea } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import { CountedLabel } from './CountedLabel';
import { useForm } from './store';

export function NegativeField() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  return (
    <div>
      <CountedLabel htmlFor="negative-prompt" label={t('form.negative')} value={form.negative_prompt} />
      <Textarea
        id="negative-prompt"
        autosize
        minRows={1}
        maxRows={6}
        placeholder={t('form.negativePlaceholder')}
        value={form.negative_prompt}
        onChange={(event) => change({ negative_prompt: event.currentTarget.value })}
        error={errors.negative_prompt}
      />
    </div>
  );
}

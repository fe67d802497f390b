import { useTranslation } from 'react-i18next';

import classes from '../FormPane.module.css';
import { useForm } from '../store';

/** The words that wake a LoRA up; a click puts one into the prompt. */
export function TriggerWords({ words }: { words: readonly string[] }) {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const missing = words.filter((word) => !form.prompt.includes(word));
  if (missing.length === 0) return null;
  const add = (word: string) => change({ prompt: [form.prompt.trim(), word].filter(Boolean).join(', ') });
  return (
    <div className={classes.words} role="group" aria-label={t('lora.words')}>
      {missing.map((word) => (
        <button key={word} type="button" className={classes.word} onClick={() => add(word)}>
          + {word}
        </button>
      ))}
    </div>
  );
}

import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import classes from './FormPane.module.css';
import { useCatalogue } from './useCatalogue';

interface CountedLabelProps {
  htmlFor: string;
  label: string;
  value: string;
  /** Small buttons beside the count. */
  tools?: ReactNode;
}

/** A label with the number of characters; the limit appears when it comes near. */
export function CountedLabel({ htmlFor, label, value, tools }: CountedLabelProps) {
  const { t, i18n } = useTranslation();
  const { max_prompt_length: limit } = useCatalogue().limits;
  const format = (count: number) => count.toLocaleString(i18n.language);
  const isNear = value.length > limit * 0.8;
  const count = isNear ? `${format(value.length)} / ${format(limit)}` : format(value.length);
  return (
    <div className={classes.label}>
      <label htmlFor={htmlFor} className={classes.labelText}>
        {label}
      </label>
      {value.length > 0 && (
        <span
          className={classes.aside}
          data-over={value.length > limit || undefined}
          title={t('form.characters', { count: value.length })}
        >
          {count}
        </span>
      )}
      {tools}
    </div>
  );
}

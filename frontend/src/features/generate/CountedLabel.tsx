import { useTranslation } from 'react-i18next';

import classes from './FormPane.module.css';
import { useCatalogue } from './useCatalogue';

interface CountedLabelProps {
  htmlFor: string;
  label: string;
  value: string;
}

/** A label with the number of characters; the limit appears when it comes near. */
export function CountedLabel({ htmlFor, label, value }: CountedLabelProps) {
  const { t, i18n } = useTranslation();
  const { max_prompt_length: limit } = useCatalogue().limits;
  const format = (count: number) => count.toLocaleString(i18n.language);
  const isNear = value.length > limit * 0.8;
  const count = isNear ? `${format(value.length)} / ${format(limit)}` : format(value.length);
  return (
    <div className={classes.label}>
      <label htmlFor={htmlFor}>{label}</label>
      {value.length > 0 && (
        <span
          className={classes.aside}
          data-over={value.length > limit || undefined}
          title={t('form.characters', { count: value.length })}
        >
          {count}
        </span>
      )}
    </div>
  );
}

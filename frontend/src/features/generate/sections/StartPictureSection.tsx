import { useTranslation } from 'react-i18next';

import { RESIZE_MODES } from '../extras';
import classes from '../FormPane.module.css';
import { followsPicture } from '../formState';
import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { Choice } from './Choice';
import { PictureField } from './PictureField';
import { Section, SectionErrors } from './Section';

const FIELDS = ['task', 'image', 'strength', 'resize_mode'] as const;

/** A picture to begin with instead of noise. */
export function StartPictureSection() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  return (
    <Section
      id="start"
      title={t('start.title')}
      badges={form.image ? [t('start.badge', { strength: form.strength })] : []}
      fields={FIELDS}
    >
      <PictureField label={t('start.title')} value={form.image} onChange={(image) => change({ image })} />
      {form.image ? <Ways /> : <p className={classes.note}>{t('start.hint')}</p>}
      <SectionErrors fields={FIELDS} />
    </Section>
  );
}

/** What happens to it. */
function Ways() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  return (
    <>
      <SliderField
        label={t('start.strength')}
        value={form.strength}
        min={0}
        max={1}
        step={0.05}
        onChange={(strength) => change({ strength })}
      />
      {followsPicture(form) ? (
        <p className={classes.note}>{t('start.follows')}</p>
      ) : (
        <Choice
          label={t('start.resize')}
          options={RESIZE_MODES.map((value) => ({ value, label: t(`start.resizeModes.${value}`) }))}
          value={form.resize_mode}
          onChange={(resize_mode) => change({ resize_mode })}
        />
      )}
    </>
  );
}

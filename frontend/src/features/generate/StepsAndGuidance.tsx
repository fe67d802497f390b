import { useTranslation } from 'react-i18next';

import { useForm } from './store';
import { SliderField } from './SliderField';
import { useCatalogue } from './useCatalogue';

/** Beyond these the pictures hardly get better; the boxes still take the server's maximum. */
const USEFUL_STEPS = 60;
const USEFUL_GUIDANCE = 20;

export function StepsField() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const { max_steps: max } = useCatalogue().limits;
  return (
    <SliderField
      label={t('form.steps')}
      value={form.steps}
      min={1}
      max={max}
      sliderMax={Math.min(max, USEFUL_STEPS)}
      error={errors.steps}
      onChange={(steps) => change({ steps })}
    />
  );
}

export function GuidanceField() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const { max_guidance: max } = useCatalogue().limits;
  return (
    <SliderField
      label={t('form.guidance')}
      value={form.cfg_scale}
      min={0}
      max={max}
      sliderMax={Math.min(max, USEFUL_GUIDANCE)}
      step={0.5}
      error={errors.cfg_scale}
      onChange={(cfg_scale) => change({ cfg_scale })}
    />
  );
}

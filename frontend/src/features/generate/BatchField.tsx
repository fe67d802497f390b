import { useTranslation } from 'react-i18next';

import { useForm } from './store';
import { SliderField } from './SliderField';
import { useCatalogue } from './useCatalogue';

export function BatchField() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const { max_batch_size: max } = useCatalogue().limits;
  return (
    <SliderField
      label={t('form.batch')}
      value={form.batch_size}
      min={1}
      max={max}
      error={errors.batch_size}
      onChange={(batch_size) => change({ batch_size })}
    />
  );
}

import { useTranslation } from 'react-i18next';

import type { Upscale } from '../../../api/types';
import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { useCatalogue } from '../useCatalogue';
import { Options } from './Options';
import { Part } from './Part';

/** Always there: it needs no model. */
const LANCZOS = 'lanczos';
const DEFAULTS = { method: LANCZOS, scale: 2 } satisfies Upscale;
const USUAL_SCALE = 4;

export function UpscalePart() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const { options, limits } = useCatalogue();
  const { upscale } = form;
  const set = (part: Upscale) => change({ upscale: { ...upscale, ...part } });
  const models = options?.upscalers ?? [];
  return (
    <Part
      label={t('after.upscale')}
      hint={t('after.upscaleHint')}
      isOn={upscale !== null}
      onToggle={(isOn) => change({ upscale: isOn ? { ...DEFAULTS, method: models[0]?.name ?? LANCZOS } : null })}
    >
      <Options
        label={t('after.method')}
        data={[...models.map(({ name }) => name), { value: LANCZOS, label: 'Lanczos' }]}
        value={upscale?.method ?? LANCZOS}
        onChange={(method) => set({ method })}
      />
      <SliderField
        label={t('after.scale')}
        value={upscale?.scale ?? DEFAULTS.scale}
        min={1}
        max={limits.max_upscale}
        sliderMax={USUAL_SCALE}
        step={0.25}
        onChange={(scale) => set({ scale })}
      />
    </Part>
  );
}

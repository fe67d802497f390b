import { useTranslation } from 'react-i18next';

import type { Hires } from '../../../api/types';
import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { useCatalogue } from '../useCatalogue';
import { Options } from './Options';
import { Part } from './Part';
import { Section, SectionErrors } from './Section';

const DEFAULTS = { scale: 2, steps: 0, strength: 0.7, upscaler: 'Latent' } satisfies Hires;

/** A second pass over the enlarged picture. */
export function HiresSection() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const { hires } = form;
  return (
    <Section
      id="hires"
      title={t('hires.title')}
      badges={hires ? [`× ${hires.scale ?? DEFAULTS.scale}`] : []}
      fields={['hires']}
    >
      <Part
        label={t('hires.on')}
        hint={t('hires.hint')}
        isOn={hires !== null}
        onToggle={(isOn) => change({ hires: isOn ? DEFAULTS : null })}
      >
        {hires && <HiresFields hires={hires} />}
      </Part>
      <SectionErrors fields={['hires']} />
    </Section>
  );
}

function HiresFields({ hires }: { hires: Hires }) {
  const { t } = useTranslation();
  const { change } = useForm();
  const { options, limits } = useCatalogue();
  const set = (part: Hires) => change({ hires: { ...hires, ...part } });
  const upscalers = [...(options?.hires_upscalers ?? []), ...(options?.upscalers ?? []).map(({ name }) => name)];
  return (
    <>
      <SliderField
        label={t('hires.scale')}
        value={hires.scale ?? DEFAULTS.scale}
        min={1}
        max={limits.max_hires_scale}
        step={0.25}
        onChange={(scale) => set({ scale })}
      />
      <SliderField
        label={t('hires.strength')}
        value={hires.strength ?? DEFAULTS.strength}
        min={0}
        max={1}
        step={0.05}
        onChange={(strength) => set({ strength })}
      />
      <SliderField
        label={t('hires.steps')}
        value={hires.steps ?? DEFAULTS.steps}
        min={0}
        max={limits.max_steps}
        sliderMax={50}
        onChange={(steps) => set({ steps })}
      />
      <Options
        label={t('hires.upscaler')}
        data={upscalers}
        value={hires.upscaler ?? DEFAULTS.upscaler}
        onChange={(upscaler) => set({ upscaler })}
      />
    </>
  );
}

import { useTranslation } from 'react-i18next';

import type { Variation } from '../../../api/types';
import classes from '../FormPane.module.css';
import { MAX_SEED } from '../formState';
import { NumberField } from '../NumberField';
import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { Part } from './Part';

const RANDOM = -1;
const DEFAULTS: Variation = { seed: RANDOM, strength: 0.2 };

/** The noise of the seed, moved a little towards that of another one. */
export function VariationPart() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const variation = form.variation ?? DEFAULTS;
  const set = (part: Partial<Variation>) => change({ variation: { ...variation, ...part } });
  return (
    <Part
      label={t('more.variation')}
      hint={t('more.variationHint')}
      isOn={form.variation !== null}
      onToggle={(isOn) => change({ variation: isOn ? DEFAULTS : null })}
    >
      <NumberField
        className={classes.mono}
        label={t('more.variationSeed')}
        description={t('more.variationSeedHint')}
        value={variation.seed ?? RANDOM}
        min={RANDOM}
        max={MAX_SEED}
        decimalScale={0}
        onChange={(seed) => set({ seed })}
      />
      <SliderField
        label={t('more.variationStrength')}
        value={variation.strength}
        min={0}
        max={1}
        step={0.05}
        onChange={(strength) => set({ strength })}
      />
    </Part>
  );
}

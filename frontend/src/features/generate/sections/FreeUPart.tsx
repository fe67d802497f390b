import { useTranslation } from 'react-i18next';

import type { FreeU } from '../../../api/types';
import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { Part } from './Part';

const DEFAULTS = { b1: 1.3, b2: 1.4, s1: 0.9, s2: 0.2 } satisfies FreeU;
const FACTORS = ['b1', 'b2', 's1', 's2'] as const;
const MOST = 2;

/** FreeU weighs the parts of a UNet against each other. */
export function FreeUPart() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const { freeu } = form;
  return (
    <Part
      label={t('more.freeu')}
      hint={t('more.freeuHint')}
      isOn={freeu !== null}
      onToggle={(isOn) => change({ freeu: isOn ? DEFAULTS : null })}
    >
      {FACTORS.map((factor) => (
        <SliderField
          key={factor}
          label={t(`more.factors.${factor}`)}
          value={freeu?.[factor] ?? DEFAULTS[factor]}
          min={0}
          max={MOST}
          step={0.05}
          onChange={(value) => change({ freeu: { ...freeu, [factor]: value } })}
        />
      ))}
    </Part>
  );
}

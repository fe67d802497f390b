import { useTranslation } from 'react-i18next';

import type { FaceRestoration } from '../../../api/types';
import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { useCatalogue } from '../useCatalogue';
import { Options } from './Options';
import { Part } from './Part';

const DEFAULTS = { visibility: 1, fidelity: 0.5 } satisfies FaceRestoration;

export function FacesPart() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const models = useCatalogue().options?.face_restorers ?? [];
  const faces = form.face_restoration;
  const set = (part: FaceRestoration) => change({ face_restoration: { ...faces, ...part } });
  return (
    <Part
      label={t('after.faces')}
      hint={t(models.length > 0 ? 'after.facesHint' : 'after.facesNone')}
      isOn={faces !== null}
      isDisabled={models.length === 0}
      onToggle={(isOn) => change({ face_restoration: isOn ? DEFAULTS : null })}
    >
      <Options
        label={t('form.model')}
        data={models.map(({ name }) => name)}
        value={faces?.model}
        onChange={(model) => set({ model })}
      />
      <SliderField
        label={t('after.visibility')}
        value={faces?.visibility ?? DEFAULTS.visibility}
        min={0}
        max={1}
        step={0.05}
        onChange={(visibility) => set({ visibility })}
      />
      <SliderField
        label={t('after.fidelity')}
        value={faces?.fidelity ?? DEFAULTS.fidelity}
        min={0}
        max={1}
        step={0.05}
        onChange={(fidelity) => set({ fidelity })}
      />
    </Part>
  );
}

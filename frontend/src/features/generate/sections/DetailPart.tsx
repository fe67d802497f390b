import { TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { DetailPass } from '../../../api/types';
import { withEntry } from '../extras';
import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { useCatalogue } from '../useCatalogue';
import { Options } from './Options';
import { Part } from './Part';

const DEFAULTS = { prompt: '', strength: 0.4, confidence: 0.3 } satisfies DetailPass;

/** Faces, hands and the like, found and painted anew. */
export function DetailPart() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const detectors = useDetectors();
  return (
    <Part
      label={t('after.detail')}
      hint={t(detectors.length > 0 ? 'after.detailHint' : 'after.detailNone')}
      isOn={form.adetailer.length > 0}
      isDisabled={detectors.length === 0}
      onToggle={(isOn) => change({ adetailer: isOn ? [DEFAULTS] : [] })}
    >
      {form.adetailer.map((pass, index) => (
        <PassFields key={index} pass={pass} index={index} />
      ))}
    </Part>
  );
}

function PassFields({ pass, index }: { pass: DetailPass; index: number }) {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const detectors = useDetectors();
  const set = (part: DetailPass) => change({ adetailer: withEntry(form.adetailer, index, part) });
  return (
    <>
      <Options
        label={t('after.detector')}
        data={detectors}
        value={pass.detector}
        onChange={(detector) => set({ detector })}
      />
      <TextInput
        label={t('after.detailPrompt')}
        placeholder={t('after.detailPromptEmpty')}
        value={pass.prompt ?? ''}
        onChange={(event) => set({ prompt: event.currentTarget.value })}
      />
      <SliderField
        label={t('after.detailStrength')}
        value={pass.strength ?? DEFAULTS.strength}
        min={0}
        max={1}
        step={0.05}
        onChange={(strength) => set({ strength })}
      />
      <SliderField
        label={t('after.confidence')}
        value={pass.confidence ?? DEFAULTS.confidence}
        min={0}
        max={1}
        step={0.05}
        onChange={(confidence) => set({ confidence })}
      />
    </>
  );
}

/** Those of models first: they are there because somebody wanted them. */
function useDetectors(): string[] {
  const { options } = useCatalogue();
  return [...(options?.detectors ?? []).map(({ name }) => name), ...(options?.builtin_detectors ?? [])];
}

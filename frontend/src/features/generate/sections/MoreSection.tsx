import { useTranslation } from 'react-i18next';

import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { fitting } from '../models';
import { useCatalogue } from '../useCatalogue';
import { useFamily } from '../useFamily';
import { FreeUPart } from './FreeUPart';
import { Options } from './Options';
import { Part } from './Part';
import { Section, SectionErrors } from './Section';
import { VariationPart } from './VariationPart';

const FIELDS = ['vae', 'variation', 'pag_scale', 'cfg_rescale', 'freeu', 'tiling'] as const;
const USUAL_PAG = 6;

/** What few people need. */
export function MoreSection() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const { limits } = useCatalogue();
  const badges = FIELDS.filter((field) => Boolean(form[field])).map((field) => t(`more.${field}`));
  return (
    <Section id="more" title={t('more.title')} badges={badges} fields={FIELDS}>
      <VaeField />
      <VariationPart />
      <Part
        label={t('more.tiling')}
        hint={t('more.tilingHint')}
        isOn={form.tiling}
        onToggle={(tiling) => change({ tiling })}
      />
      <FreeUPart />
      <SliderField
        label={t('more.pag_scale')}
        value={form.pag_scale}
        min={0}
        max={limits.max_pag_scale}
        sliderMax={USUAL_PAG}
        step={0.1}
        onChange={(pag_scale) => change({ pag_scale })}
      />
      <SliderField
        label={t('more.cfg_rescale')}
        value={form.cfg_rescale}
        min={0}
        max={1}
        step={0.05}
        onChange={(cfg_rescale) => change({ cfg_rescale })}
      />
      <SectionErrors fields={FIELDS} />
    </Section>
  );
}

function VaeField() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const { options } = useCatalogue();
  const vaes = fitting(options?.vaes ?? [], useFamily()).map(({ name }) => name);
  return (
    <Options
      label={t('more.vae')}
      data={[{ value: '', label: t('more.vaeOwn') }, ...vaes]}
      value={form.vae ?? ''}
      onChange={(vae) => change({ vae: vae || null })}
    />
  );
}

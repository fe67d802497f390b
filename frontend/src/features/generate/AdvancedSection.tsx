import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { Options } from '../../api/types';
import { matchOption, type FormState } from './formState';
import { Section } from './sections/Section';
import { useForm } from './store';
import { SliderField } from './SliderField';
import { useCatalogue } from './useCatalogue';

/** Sampler, schedule and clip skip. */
export function AdvancedSection() {
  const { t } = useTranslation();
  const { form } = useForm();
  const { options } = useCatalogue();
  return (
    <Section
      id="advanced"
      title={t('form.advanced')}
      badges={badges(form, options, t('form.clipSkip'))}
      fields={['sampler', 'scheduler', 'clip_skip']}
    >
      <AdvancedFields />
    </Section>
  );
}

function badges(form: FormState, options: Options | undefined, clipSkip: string): string[] {
  const sampler = matchOption(options?.samplers ?? [], form.sampler) ?? form.sampler;
  const schedule = matchOption(options?.schedules ?? [], form.scheduler);
  const label = options?.schedules.find(({ name }) => name === schedule)?.label ?? form.scheduler;
  return [sampler, label, ...(form.clip_skip > 0 ? [`${clipSkip} ${form.clip_skip}`] : [])];
}

function AdvancedFields() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const { options, limits } = useCatalogue();
  const samplers = options?.samplers ?? [];
  const schedules = options?.schedules ?? [];
  return (
    <>
      <Select
        label={t('form.sampler')}
        data={samplers.map(({ name }) => name)}
        value={matchOption(samplers, form.sampler)}
        onChange={(sampler) => sampler && change({ sampler })}
        allowDeselect={false}
        searchable
        nothingFoundMessage={t('form.nothing')}
        maxDropdownHeight={320}
        error={errors.sampler}
      />
      <Select
        label={t('form.schedule')}
        data={schedules.map(({ name, label }) => ({ value: name, label }))}
        value={matchOption(schedules, form.scheduler)}
        onChange={(scheduler) => scheduler && change({ scheduler })}
        allowDeselect={false}
        searchable
        nothingFoundMessage={t('form.nothing')}
        maxDropdownHeight={320}
        error={errors.scheduler}
      />
      <SliderField
        label={t('form.clipSkip')}
        value={form.clip_skip}
        min={0}
        max={limits.max_clip_skip}
        error={errors.clip_skip}
        onChange={(clip_skip) => change({ clip_skip })}
      />
    </>
  );
}

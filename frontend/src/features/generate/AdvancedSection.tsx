import { Badge, Collapse, Select, UnstyledButton } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';

import type { Options } from '../../api/types';
import { useUi } from '../../lib/uiStore';
import classes from './FormPane.module.css';
import { matchOption, type FormState } from './formState';
import { useForm } from './store';
import { SliderField } from './SliderField';
import { useCatalogue } from './useCatalogue';

/** Sampler, schedule and clip skip; closed it still shows what is set. */
export function AdvancedSection() {
  const { t } = useTranslation();
  const { form } = useForm();
  const { options } = useCatalogue();
  const { advancedOpen, set } = useUi();
  const section = useRef<HTMLDivElement>(null);
  const bringIntoView = () => {
    if (advancedOpen) section.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  };
  return (
    <div className={classes.accordion} ref={section}>
      <UnstyledButton
        className={classes.accordionButton}
        aria-expanded={advancedOpen}
        aria-controls="advanced"
        onClick={() => set({ advancedOpen: !advancedOpen })}
      >
        {t('form.advanced')}
        {!advancedOpen && (
          <span className={classes.badges}>
            {badges(form, options, t('form.clipSkip')).map((text) => (
              <Badge key={text} variant="light" size="sm" radius="xs" tt="none">
                {text}
              </Badge>
            ))}
          </span>
        )}
        <IconChevronDown size={18} stroke={1.75} aria-hidden />
      </UnstyledButton>
      <Collapse expanded={advancedOpen} id="advanced" onTransitionEnd={bringIntoView}>
        <AdvancedFields />
      </Collapse>
    </div>
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
    <div className={classes.accordionBody}>
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
    </div>
  );
}

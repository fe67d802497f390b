import { ActionIcon, Select, Tooltip } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import type { LoraSlot, ModelName } from '../../../api/types';
import { withEntry, withoutEntry } from '../extras';
import classes from '../FormPane.module.css';
import { fitting, familyName } from '../models';
import { SliderField } from '../SliderField';
import { useForm } from '../store';
import { useCatalogue } from '../useCatalogue';
import { useFamily } from '../useFamily';
import { Section, SectionErrors } from './Section';
import { TriggerWords } from './TriggerWords';

/** Weights that are of use; the box takes more. */
const USUAL_WEIGHT = 2;

/** Small networks that change the model, each with its weight. */
export function LorasSection() {
  const { t } = useTranslation();
  const { loras } = useForm().form;
  const { max_lora_slots: most } = useCatalogue().limits;
  return (
    <Section
      id="loras"
      title={t('lora.title')}
      badges={loras.length > 0 ? [`${loras.length} / ${most}`] : []}
      fields={['loras']}
    >
      {loras.map((slot, index) => (
        <Slot key={slot.name} slot={slot} index={index} />
      ))}
      <AddLora />
      <SectionErrors fields={['loras']} />
    </Section>
  );
}

function Slot({ slot, index }: { slot: LoraSlot; index: number }) {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const { options, limits } = useCatalogue();
  const family = useFamily();
  const known = options?.loras.find(({ name }) => name === slot.name);
  const remove = t('lora.remove', { name: slot.name });
  return (
    <div>
      <SliderField
        label={slot.name}
        value={slot.weight ?? 1}
        min={-limits.max_lora_weight}
        sliderMin={-USUAL_WEIGHT}
        max={limits.max_lora_weight}
        sliderMax={USUAL_WEIGHT}
        step={0.05}
        isWrong={Object.keys(errors).some((path) => path.startsWith(`loras.${index}`))}
        onChange={(weight) => change({ loras: withEntry(form.loras, index, { weight }) })}
        aside={
          <Tooltip label={remove}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={remove}
              onClick={() => change({ loras: withoutEntry(form.loras, index) })}
            >
              <IconX size={18} stroke={1.75} />
            </ActionIcon>
          </Tooltip>
        }
      />
      {known && fitting([known], family).length === 0 && (
        <div className={classes.hint}>{t('lora.otherFamily', { family: familyName(known.family) })}</div>
      )}
      {known && <TriggerWords words={known.trigger_words} />}
    </div>
  );
}

function AddLora() {
  const { t } = useTranslation();
  const { form, change } = useForm();
  const { options, limits } = useCatalogue();
  const family = useFamily();
  const taken = new Set(form.loras.map(({ name }) => name));
  const offered = fitting(options?.loras ?? [], family).filter(({ name }) => !taken.has(name));
  const reason = whyNot(offered, form.loras.length >= limits.max_lora_slots);
  if (reason === 'full') return <p className={classes.note}>{t('lora.full', { count: limits.max_lora_slots })}</p>;
  if (reason === 'none') return taken.size > 0 ? null : <p className={classes.note}>{t('lora.none')}</p>;
  return (
    <Select
      aria-label={t('lora.add')}
      placeholder={t('lora.add')}
      data={offered.map(({ name }) => name)}
      value={null}
      onChange={(name) => name && change({ loras: [...form.loras, { name, weight: 1 }] })}
      searchable
      nothingFoundMessage={t('form.nothing')}
      maxDropdownHeight={320}
    />
  );
}

function whyNot(offered: readonly ModelName[], isFull: boolean): 'full' | 'none' | null {
  if (isFull) return 'full';
  return offered.length === 0 ? 'none' : null;
}

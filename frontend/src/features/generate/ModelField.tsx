import { Badge, Group, Select, Text } from '@mantine/core';
import { IconSelector } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import type { Model } from '../../api/types';
import { currentModel } from './formState';
import { useForm } from './store';
import { useCatalogue } from './useCatalogue';

const FAMILY_NAMES: Record<string, string> = { sd15: 'SD 1.5', sdxl: 'SDXL', sd3: 'SD 3', flux: 'Flux' };

/** How people call a model family. */
function familyName(family: string): string {
  return FAMILY_NAMES[family.toLowerCase()] ?? family;
}

export function ModelField() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const { models } = useCatalogue();
  const model = currentModel(form, models);
  const byId = new Map(models.map((item) => [item.id, item]));
  return (
    <Select
      label={t('form.model')}
      data={models.map(({ id, name }) => ({ value: id, label: name }))}
      value={model?.id ?? null}
      // Another model has another native size, so a size that was only the old one's default goes.
      onChange={(id) => id && change({ model: id, ...nativeAgain(form, model) })}
      allowDeselect={false}
      searchable={models.length > 6}
      nothingFoundMessage={t('form.modelNothing')}
      placeholder={t('form.modelNone')}
      disabled={models.length === 0}
      error={errors.model}
      rightSection={
        <Group gap={4} wrap="nowrap" justify="flex-end" w="100%" pr={10}>
          {model && <FamilyBadge model={model} />}
          <IconSelector size={16} stroke={1.75} color="var(--muted)" aria-hidden />
        </Group>
      }
      rightSectionWidth={100}
      rightSectionPointerEvents="none"
      renderOption={({ option }) => {
        const item = byId.get(option.value);
        return (
          <Group justify="space-between" wrap="nowrap" w="100%" gap="md">
            <div style={{ minWidth: 0 }}>
              <Text size="sm" truncate>
                {option.label}
              </Text>
              {item?.description && (
                <Text size="xs" c="dimmed" lineClamp={2}>
                  {item.description}
                </Text>
              )}
            </div>
            {item && <FamilyBadge model={item} />}
          </Group>
        );
      }}
    />
  );
}

function nativeAgain(form: { width: number | null; height: number | null }, model: Model | undefined) {
  const isNative = form.width === model?.native_size && form.height === model?.native_size;
  return isNative ? { width: null, height: null } : {};
}

function FamilyBadge({ model }: { model: Model }) {
  return (
    <Badge variant="light" size="sm" radius="xs" tt="none" style={{ flex: 'none' }}>
      {familyName(model.family)}
    </Badge>
  );
}

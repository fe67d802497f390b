import { Badge, Group, Select, Text, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconSelector } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import type { Model } from '../../api/types';
import { currentModel } from './formState';
import { familyName, modelChange, modelGroups } from './models';
import { useForm } from './store';
import { useCatalogue } from './useCatalogue';

export function ModelField() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const { models } = useCatalogue();
  const [isOpen, dropdown] = useDisclosure();
  const model = currentModel(form, models);
  const byId = new Map(models.map((item) => [item.id, item]));
  return (
    <Tooltip
      label={model?.description}
      disabled={isOpen || !model?.description}
      multiline
      maw={320}
      position="right"
      openDelay={500}
    >
      <Select
        label={t('form.model')}
        data={modelGroups(models)}
        value={model?.id ?? null}
        onChange={(id) => id && change(modelChange(form, model, id))}
        onDropdownOpen={dropdown.open}
        onDropdownClose={dropdown.close}
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
        renderOption={({ option }) => <ModelOption name={option.label} model={byId.get(option.value)} />}
      />
    </Tooltip>
  );
}

/** The family stands above the group. */
function ModelOption({ name, model }: { name: string; model: Model | undefined }) {
  const { t } = useTranslation();
  return (
    <Group justify="space-between" wrap="nowrap" w="100%" gap="md">
      <div style={{ minWidth: 0 }}>
        <Text size="sm" truncate>
          {name}
        </Text>
        {model?.description && (
          <Text size="xs" c="dimmed" lineClamp={2}>
            {model.description}
          </Text>
        )}
      </div>
      {model && (
        <Text size="xs" c="dimmed" style={{ flex: 'none' }}>
          {t('form.modelSide', { side: model.native_size })}
        </Text>
      )}
    </Group>
  );
}

function FamilyBadge({ model }: { model: Model }) {
  return (
    <Badge variant="light" size="sm" radius="xs" tt="none" style={{ flex: 'none' }}>
      {familyName(model.family)}
    </Badge>
  );
}

import { Select, type ComboboxItem } from '@mantine/core';
import { useTranslation } from 'react-i18next';

interface OptionsProps {
  label: string;
  data: readonly (string | ComboboxItem)[];
  /** Empty: the first. One that is not offered is shown all the same, as it would be sent. */
  value: string | null | undefined;
  onChange: (value: string) => void;
}

/** One of a list of names. */
export function Options({ label, data, value, onChange }: OptionsProps) {
  const { t } = useTranslation();
  const values = data.map((item) => (typeof item === 'string' ? item : item.value));
  const current = value ?? values[0] ?? null;
  const isForeign = current !== null && !values.includes(current);
  return (
    <Select
      label={label}
      data={isForeign ? [current, ...data] : [...data]}
      value={current}
      onChange={(chosen) => chosen !== null && onChange(chosen)}
      allowDeselect={false}
      searchable={data.length > 8}
      nothingFoundMessage={t('form.nothing')}
      maxDropdownHeight={320}
    />
  );
}

import { NumberInput, type NumberInputProps } from '@mantine/core';
import { useState } from 'react';

interface NumberFieldProps extends Omit<NumberInputProps, 'value' | 'onChange' | 'min' | 'max'> {
  value: number;
  min: number;
  max: number;
  /** Tell only what the person has finished typing, for values that are bent to a possible one. */
  isLazy?: boolean;
  /** Called with a number inside the bounds. */
  onChange: (value: number) => void;
}

/** A number box that lets people type freely (also through impossible numbers) and tells only possible ones. */
export function NumberField({ value, min, max, isLazy = false, onChange, ...rest }: NumberFieldProps) {
  const [draft, setDraft] = useState<string | number | null>(null);
  const onType = (typed: string | number) => {
    setDraft(typed);
    if (!isLazy && typeof typed === 'number' && typed >= min && typed <= max) onChange(typed);
  };
  const commit = () => {
    if (typeof draft === 'number') onChange(Math.min(max, Math.max(min, draft)));
    setDraft(null);
  };
  return (
    <NumberInput
      hideControls
      {...rest}
      value={draft ?? value}
      min={min}
      max={max}
      clampBehavior="none"
      allowNegative={min < 0}
      onChange={onType}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
      }}
    />
  );
}

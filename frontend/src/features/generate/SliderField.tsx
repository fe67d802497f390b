import { Slider } from '@mantine/core';
import { useId, type ReactNode } from 'react';

import classes from './FormPane.module.css';
import { NumberField } from './NumberField';

interface SliderFieldProps {
  label: string;
  value: number;
  min: number;
  /** Largest value; the slider may end earlier, at `sliderMax`, where the useful values end, and begin later. */
  max: number;
  sliderMin?: number;
  sliderMax?: number;
  step?: number;
  error?: string | undefined;
  /** The words about it stand elsewhere. */
  isWrong?: boolean;
  /** Small buttons behind the box. */
  aside?: ReactNode;
  onChange: (value: number) => void;
}

/** A number with both a box for the exact value and a slider for the feeling. */
export function SliderField(props: SliderFieldProps) {
  const { label, value, min, max, sliderMin = min, sliderMax = max, step = 1, error, onChange } = props;
  const id = useId();
  return (
    <div>
      <div className={classes.sliderHead}>
        <label htmlFor={id} className={classes.sliderLabel}>
          {label}
        </label>
        <NumberField
          id={id}
          className={classes.number}
          value={value}
          min={min}
          max={max}
          step={step}
          decimalScale={step < 1 ? 2 : 0}
          error={Boolean(error) || props.isWrong}
          onChange={onChange}
        />
        {props.aside}
      </div>
      <Slider
        value={Math.max(sliderMin, Math.min(value, sliderMax))}
        min={sliderMin}
        max={sliderMax}
        step={step}
        label={null}
        thumbLabel={label}
        onChange={onChange}
      />
      {error && (
        <div className={classes.error} role="alert">
          {error}
        </div>
      )}
    </div>
  );
}

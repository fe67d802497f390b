import { Slider } from '@mantine/core';
import { useId } from 'react';

import classes from './FormPane.module.css';
import { NumberField } from './NumberField';

interface SliderFieldProps {
  label: string;
  value: number;
  min: number;
  /** Largest value; the slider may end earlier, at `sliderMax`, where the useful values end. */
  max: number;
  sliderMax?: number;
  step?: number;
  error?: string | undefined;
  onChange: (value: number) => void;
}

/** A number with both a box for the exact value and a slider for the feeling. */
export function SliderField({ label, value, min, max, sliderMax = max, step = 1, error, onChange }: SliderFieldProps) {
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
          error={Boolean(error)}
          onChange={onChange}
        />
      </div>
      <Slider
        value={Math.min(value, sliderMax)}
        min={min}
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

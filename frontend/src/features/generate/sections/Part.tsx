import { Switch } from '@mantine/core';
import { useId, type ReactNode } from 'react';

import classes from '../FormPane.module.css';

interface PartProps {
  label: string;
  /** What it does; why it cannot be had where `isDisabled`. */
  hint?: string;
  isOn: boolean;
  isDisabled?: boolean;
  onToggle: (isOn: boolean) => void;
  /** Its settings, shown while it is on. */
  children?: ReactNode;
}

/** Something that is on or off, with settings of its own. */
export function Part({ label, hint, isOn, isDisabled = false, onToggle, children }: PartProps) {
  const hintId = useId();
  return (
    <div className={classes.part} data-on={isOn || undefined}>
      <Switch
        label={label}
        aria-describedby={hint && hintId}
        labelPosition="left"
        checked={isOn}
        // What cannot be had any more can still be switched off.
        disabled={isDisabled && !isOn}
        onChange={(event) => onToggle(event.currentTarget.checked)}
        classNames={{
          root: classes.switch,
          body: classes.switchBody,
          label: classes.switchText,
          track: classes.switchTrack,
        }}
      />
      {hint && (
        <p className={classes.partHint} id={hintId}>
          {hint}
        </p>
      )}
      {isOn && children}
    </div>
  );
}

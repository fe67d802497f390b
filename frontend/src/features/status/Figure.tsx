import type { ReactNode } from 'react';

import classes from './StatusPage.module.css';

interface FigureProps {
  label: string;
  value: ReactNode;
  /** Something to look into. */
  isBad?: boolean;
}

/** One number and what it is; belongs into a `dl`. */
export function Figure({ label, value, isBad = false }: FigureProps) {
  return (
    <div className={classes.figure} data-bad={isBad || undefined}>
      <dt>{label}</dt>
      <dd className="tabular">{value}</dd>
    </div>
  );
}

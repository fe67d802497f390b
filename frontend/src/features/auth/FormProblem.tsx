import { IconAlertTriangle } from '@tabler/icons-react';

import classes from './EntryPage.module.css';

/** What is wrong with the form as a whole; read out when it appears. */
export function FormProblem({ text }: { text: string }) {
  return (
    <div role="alert" className={classes.problemSlot}>
      {text && (
        <div className={classes.problem}>
          <IconAlertTriangle size={18} stroke={1.75} aria-hidden />
          <span>{text}</span>
        </div>
      )}
    </div>
  );
}

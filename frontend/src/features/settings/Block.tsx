import { useId, type ReactNode } from 'react';

import classes from './Block.module.css';

interface BlockProps {
  title: string;
  /** One or two sentences about what this is for. */
  lead?: ReactNode;
  /** Beside the title: a badge or a button. */
  side?: ReactNode;
  children?: ReactNode;
}

/** One card of a settings section. */
export function Block({ title, lead, side, children }: BlockProps) {
  const id = useId();
  return (
    <section className={classes.block} aria-labelledby={id}>
      <div className={classes.head}>
        <div className={classes.words}>
          <h2 id={id} className={classes.title}>
            {title}
          </h2>
          {lead && <p className={classes.lead}>{lead}</p>}
        </div>
        {side}
      </div>
      {children && <div className={classes.body}>{children}</div>}
    </section>
  );
}

import type { CSSProperties, ReactNode } from 'react';

import classes from './StagePane.module.css';

/** Small pictures are enlarged up to this width (CSS pixels); larger ones up to their own. */
const LEAST_WIDTH = 640;

interface ArtProps {
  /** Pixels of the picture. */
  width: number;
  height: number;
  children: ReactNode;
}

/** A frame with the picture's proportions, as large as the room allows. */
export function Art({ width, height, children }: ArtProps) {
  const style = { '--ratio': width / height, '--max': `${Math.max(LEAST_WIDTH, width)}px` } as CSSProperties;
  return (
    <div className={classes.room}>
      <div className={classes.fit}>
        <div className={classes.art} style={style}>
          {children}
        </div>
      </div>
    </div>
  );
}

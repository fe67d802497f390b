import { useState } from 'react';

export interface RovingFocus {
  /** Index of the one picture that Tab reaches. */
  current: number;
  set: (index: number) => void;
  moveTo: (index: number) => void;
  /** For each picture: takes the focus as soon as the element that was moved to exists. */
  refFor: (index: number) => ((element: HTMLElement | null) => void) | undefined;
}

/** Arrow keys in a list of which only a part is in the document. `scrollTo` brings an index into it. */
export function useRovingFocus(count: number, scrollTo: (index: number) => void): RovingFocus {
  const [index, setIndex] = useState(0);
  const [wanted, setWanted] = useState<number | null>(null);
  return {
    current: Math.max(0, Math.min(index, count - 1)),
    set: setIndex,
    moveTo: (to) => {
      setIndex(to);
      setWanted(to);
      scrollTo(to);
    },
    refFor: (at) => {
      if (at !== wanted) return undefined;
      return (element) => {
        if (!element) return;
        element.focus({ preventScroll: true });
        setWanted(null);
      };
    },
  };
}

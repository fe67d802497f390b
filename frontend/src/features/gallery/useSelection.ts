import { useState } from 'react';

import type { Image } from '../../api/types';
import { NOTHING, everything, extended, pruned, toggled } from './selection';
import type { Selection } from './selection';

export interface SelectionControl {
  value: Selection;
  /** The selected pictures in the order on screen. */
  images: Image[];
  /** A click selects: something is selected, or the person asked for it. */
  isOn: boolean;
  setOn: (on: boolean) => void;
  toggle: (image: Image, range: boolean) => void;
  all: () => void;
  clear: () => void;
}

export function useSelection(images: readonly Image[]): SelectionControl {
  const [stored, setStored] = useState<Selection>(NOTHING);
  const [isAsked, setIsAsked] = useState(false);
  const order = images.map(({ id }) => id);
  // Pictures that were deleted or filtered away are not selected any more.
  const value = pruned(stored, order);
  const clear = () => {
    setStored(NOTHING);
    setIsAsked(false);
  };
  return {
    value,
    images: images.filter(({ id }) => value.ids.has(id)),
    isOn: isAsked || value.ids.size > 0,
    setOn: (on) => (on ? setIsAsked(true) : clear()),
    toggle: (image, range) => setStored(range ? extended(value, image.id, order) : toggled(value, image.id)),
    all: () => setStored(everything(order)),
    clear,
  };
}

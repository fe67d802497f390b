import { create } from 'zustand';

import type { Image } from '../../api/types';
import type { Selection } from './stage';

interface StageStore {
  selection: Selection;
  /** Which picture of the newest batch. */
  index: number;
  showLatest: () => void;
  showImage: (image: Image) => void;
  pick: (index: number) => void;
}

/** What the person looks at; not remembered. */
export const useStage = create<StageStore>()((set) => ({
  selection: { type: 'latest' },
  index: 0,
  showLatest: () => set({ selection: { type: 'latest' }, index: 0 }),
  showImage: (image) => set({ selection: { type: 'image', image } }),
  pick: (index) => set({ index }),
}));

import { create } from 'zustand';
import { persist } from 'zustand/middleware';

interface UiState {
  /** The history panel on wide screens. */
  historyOpen: boolean;
  /** Shortcuts of one key without a modifier. */
  singleKeys: boolean;
  advancedOpen: boolean;
  set: (change: Partial<Omit<UiState, 'set'>>) => void;
}

/** What a person has opened and closed, remembered in this browser. */
export const useUi = create<UiState>()(
  persist(
    (set) => ({
      historyOpen: true,
      singleKeys: true,
      advancedOpen: false,
      set: (change) => set(change),
    }),
    { name: 'sdweb-ui', version: 1 },
  ),
);

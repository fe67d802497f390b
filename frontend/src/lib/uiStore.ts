import { create } from 'zustand';
import { persist } from 'zustand/middleware';

interface UiState {
  /** The history panel on wide screens. */
  historyOpen: boolean;
  /** Shortcuts of one key without a modifier. */
  singleKeys: boolean;
  /** Sections of the form that are open, by their id. */
  openSections: Record<string, boolean>;
  set: (change: Partial<Omit<UiState, 'set'>>) => void;
}

/** What a person has opened and closed, remembered in this browser. */
export const useUi = create<UiState>()(
  persist(
    (set) => ({
      historyOpen: true,
      singleKeys: true,
      openSections: {},
      set: (change) => set(change),
    }),
    { name: 'sdweb-ui', version: 1 },
  ),
);

/** Opens a section of the form (or closes it); the others stay as they are. */
export function openSection(id: string, isOpen = true): void {
  useUi.setState(({ openSections }) => ({ openSections: { ...openSections, [id]: isOpen } }));
}

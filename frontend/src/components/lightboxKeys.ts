import type { KeyboardEvent } from 'react';

import type { RecipeUse } from '../features/gallery/useRecipeUse';
import { SHORTCUTS, isTyping, matches } from '../lib/shortcuts';
import { useUi } from '../lib/uiStore';

interface LightboxCommands {
  go: (where: 'previous' | 'next' | 'first' | 'last') => void;
  /** Null fits the picture. */
  zoom: (factor: number | null) => void;
  favourite: () => void;
  panel: () => void;
  remove: () => void;
  use: (kind: RecipeUse) => void;
}

const ZOOM_STEP = 1.4;

/** The keys of the full-screen view. The page's own shortcuts are silent behind a dialog. */
export function useLightboxKeys(commands: LightboxCommands): (event: KeyboardEvent) => void {
  const hasSingleKeys = useUi((state) => state.singleKeys);
  const { go, zoom, favourite, panel, remove, use } = commands;
  const always: [string, () => void][] = [
    ['ArrowLeft', () => go('previous')],
    ['ArrowRight', () => go('next')],
    ['Home', () => go('first')],
    ['End', () => go('last')],
    [SHORTCUTS.delete.keys, remove],
  ];
  const letters: [string, () => void][] = [
    ['I', panel],
    [SHORTCUTS.favourite.keys, favourite],
    [SHORTCUTS.useAll.keys, () => use('all')],
    [SHORTCUTS.remix.keys, () => use('remix')],
    [SHORTCUTS.useSeed.keys, () => use('seed')],
    ['+', () => zoom(ZOOM_STEP)],
    ['=', () => zoom(ZOOM_STEP)],
    ['-', () => zoom(1 / ZOOM_STEP)],
    ['0', () => zoom(null)],
  ];
  return (event) => {
    if (isTyping(event.target)) return;
    const known = hasSingleKeys ? [...always, ...letters] : always;
    // A plus joins the keys of a combination, so the registry cannot spell it.
    const isPlus = event.key === '+' && !event.ctrlKey && !event.metaKey;
    const found = known.find(([keys]) => (keys === '+' ? isPlus : matches(event.nativeEvent, keys)));
    if (!found) return;
    event.preventDefault();
    event.stopPropagation();
    found[1]();
  };
}

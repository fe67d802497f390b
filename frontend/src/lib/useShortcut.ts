import { useEffect, useEffectEvent } from 'react';

import { SHORTCUTS, isSingleKey, isTyping, matches, type Shortcut, type ShortcutId } from './shortcuts';
import { useUi } from './uiStore';

/** Runs `handler` on the shortcut while the component is mounted; not behind an open dialog. */
export function useShortcut(id: ShortcutId, handler: () => void): void {
  const shortcut: Shortcut = SHORTCUTS[id];
  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    if (!matches(event, shortcut.keys) || !isAllowed(event, shortcut)) return;
    event.preventDefault();
    handler();
  });
  useEffect(() => {
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}

/** Runs `handler` with 0 for the key 1, up to 7 for the key 8. */
export function useDigitShortcut(handler: (index: number) => void): void {
  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    const index = ['1', '2', '3', '4', '5', '6', '7', '8'].findIndex((digit) => matches(event, digit));
    if (index >= 0 && isAllowed(event, { keys: '1' })) handler(index);
  });
  useEffect(() => {
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}

function isAllowed(event: KeyboardEvent, shortcut: Shortcut): boolean {
  if (event.defaultPrevented || event.repeat) return false;
  if (!shortcut.inInputs && isTyping(event.target)) return false;
  if (isSingleKey(shortcut.keys) && !useUi.getState().singleKeys) return false;
  return document.querySelector('[aria-modal="true"]') === null;
}

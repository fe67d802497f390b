/** The one registry of keyboard shortcuts, and the rules by which a key press is one of them. Framework-free. */

export interface Shortcut {
  /** `mod` is Ctrl, or Command on a Mac. Letters and digits mean the physical key, so they work in every layout. */
  keys: string;
  /** Works while the cursor is in an input. */
  inInputs?: boolean;
}

export const SHORTCUTS = {
  generate: { keys: 'mod+Enter', inInputs: true },
  generateFirst: { keys: 'mod+shift+Enter', inInputs: true },
  cancel: { keys: 'shift+X' },
  palette: { keys: 'mod+K', inInputs: true },
  prompt: { keys: 'P' },
  history: { keys: 'G' },
  remix: { keys: 'R' },
  useSeed: { keys: 'S' },
  useAll: { keys: 'A' },
  favourite: { keys: '.' },
  fullScreen: { keys: 'F' },
  delete: { keys: 'Delete' },
  help: { keys: '?' },
} as const satisfies Record<string, Shortcut>;

export type ShortcutId = keyof typeof SHORTCUTS;

/** Works in the prompt only, or with a family of keys; listed in the help. */
export const EXTRA_SHORTCUTS = { promptHistory: 'alt+↑ ↓', pickImage: '1 – 8' } as const;

type KeyPress = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>;

/** True when the key press is the combination. */
export function matches(event: KeyPress, keys: string): boolean {
  const parts = keys.split('+');
  const main = parts.at(-1) ?? '';
  const isMod = event.ctrlKey || event.metaKey;
  if (isMod !== parts.includes('mod') || event.altKey !== parts.includes('alt')) return false;
  if (/^[A-Z0-9]$/.test(main)) {
    const code = /\d/.test(main) ? `Digit${main}` : `Key${main}`;
    return event.code === code && event.shiftKey === parts.includes('shift');
  }
  // Which keys need Shift for a sign depends on the layout, so Shift is not compared for signs.
  if (main.length === 1) return event.key === main;
  return event.key === main && event.shiftKey === parts.includes('shift');
}

/** True when key presses belong to a text field or a list, where a letter is text. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.tagName === 'TEXTAREA' || target.tagName === 'SELECT') return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'range'].includes(target.type);
}

/** A shortcut of one key without a modifier; people can switch these off (WCAG 2.1.4). */
export function isSingleKey(keys: string): boolean {
  return !keys.includes('mod+') && !keys.includes('alt+');
}

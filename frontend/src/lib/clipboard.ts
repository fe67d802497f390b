/** Copies text. Browsers offer the clipboard API only on https and localhost; elsewhere the old command still works. */
export async function copyText(text: string): Promise<boolean> {
  // The type says that it is always there; on plain http it is not.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) {
    try {
      await clipboard.writeText(text);
      return true;
    } catch {
      // Not allowed: try the other way.
    }
  }
  return copyBySelection(text);
}

function copyBySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  area.style.position = 'fixed';
  area.style.opacity = '0';
  // Inside an open dialog, because its focus trap would take the selection away.
  (document.querySelector('[aria-modal="true"]') ?? document.body).append(area);
  area.select();
  // Deprecated, but nothing else works without https.
  const done = document.execCommand('copy');
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}

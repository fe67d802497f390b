/** Earlier prompts, newest first, as a shell walks through its history. Framework-free. */

const MAX_PROMPTS = 50;

/** The history with `prompt` at its top, without an older copy of it. */
export function remember(history: readonly string[], prompt: string): string[] {
  const text = prompt.trim();
  if (!text) return [...history];
  return [text, ...history.filter((item) => item !== text)].slice(0, MAX_PROMPTS);
}

/**
 * One step through the history: `+1` older, `-1` newer. Null when there is nothing further.
 *
 * A text that is not in the history stands before its newest entry.
 */
export function step(history: readonly string[], current: string, direction: 1 | -1): string | null {
  const at = history.indexOf(current.trim());
  return history[at + direction] ?? null;
}

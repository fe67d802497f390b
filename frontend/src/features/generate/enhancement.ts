/** What the wand did to the prompt last, so that it can vary it and take it back. Framework-free. */

export interface Enhancement {
  original: string;
  result: string;
}

/** The enhancement that is still in the field as it was made; null once the person has written over it. */
export function standing(last: Enhancement | null, prompt: string): Enhancement | null {
  return last !== null && last.result === prompt ? last : null;
}

/** The words to enhance: pressing the wand again varies the person's own text instead of piling up. */
export function sourceText(last: Enhancement | null, prompt: string): string {
  return standing(last, prompt)?.original ?? prompt;
}

import { create } from 'zustand';
import { persist } from 'zustand/middleware';

import type { Image } from '../../api/types';
import { openSection } from '../../lib/uiStore';
import { DEFAULT_FORM, rootOf, withRecipe, type FieldErrors, type FormState, type RecipeUse } from './formState';
import { remember } from './promptHistory';

interface FormStore {
  form: FormState;
  /** Prompts that were submitted, newest first. */
  prompts: string[];
  /** Codes or the server's own words, by field. */
  errors: FieldErrors;
  change: (part: Partial<FormState>) => void;
  reset: () => void;
  setErrors: (errors: FieldErrors) => void;
  rememberPrompt: (prompt: string) => void;
}

const STORAGE_PREFIX = 'sdweb-form-';

/** The Generate form, remembered in this browser for each person by themselves. */
export const useForm = create<FormStore>()(
  persist(
    (set) => ({
      form: DEFAULT_FORM,
      prompts: [],
      errors: {},
      change: (part) =>
        set(({ form, errors }) => ({ form: { ...form, ...part }, errors: withoutFields(errors, Object.keys(part)) })),
      // The prompts stay: they are the person's work, the rest is settings.
      reset: () => set(({ form: { prompt } }) => ({ form: { ...DEFAULT_FORM, prompt }, errors: {} })),
      setErrors: (errors) => set({ errors }),
      rememberPrompt: (prompt) => set(({ prompts }) => ({ prompts: remember(prompts, prompt) })),
    }),
    {
      name: `${STORAGE_PREFIX}nobody`,
      version: 1,
      skipHydration: true,
      partialize: ({ form, prompts }) => ({ form, prompts }),
      // A field that a newer version added is missing in what an older one stored.
      merge: (stored, current) => ({
        ...current,
        ...(stored as Partial<FormStore>),
        form: { ...current.form, ...(stored as Partial<FormStore> | undefined)?.form },
      }),
    },
  ),
);

/** Takes an image's parameters into the form. */
export function applyRecipe(image: Image, use: RecipeUse): void {
  useForm.setState(({ form }) => ({ form: withRecipe(form, image, use), errors: {} }));
  if (use === 'start') openSection('start');
}

/** Loads the form of one person. */
export function openForm(userId: string): void {
  // Renaming first: otherwise emptying the form would be stored under the person before.
  useForm.persist.setOptions({ name: `${STORAGE_PREFIX}${userId}` });
  if (localStorage.getItem(`${STORAGE_PREFIX}${userId}`) === null) {
    useForm.setState({ form: DEFAULT_FORM, prompts: [], errors: {} });
  }
  void useForm.persist.rehydrate();
}

function withoutFields(errors: FieldErrors, fields: readonly string[]): FieldErrors {
  // Width and height are one thing to the person.
  const gone = new Set(fields.includes('width') || fields.includes('height') ? [...fields, 'width', 'height'] : fields);
  return Object.fromEntries(Object.entries(errors).filter(([field]) => !gone.has(rootOf(field))));
}

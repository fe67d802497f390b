/** The Generate form as data: defaults, limits, and what an image's recipe does to it. Framework-free. */

import type { Image, JobRequest, Limits, Model, Options, Params } from '../../api/types';

/** Field names are those of the wire, so that the server's complaints find their field. */
export interface FormState {
  prompt: string;
  negative_prompt: string;
  /** Id of the model; null: the server's default. */
  model: string | null;
  /** Pixels; null: the model's own size. */
  width: number | null;
  height: number | null;
  /** The size boxes are open. */
  customSize: boolean;
  steps: number;
  cfg_scale: number;
  sampler: string;
  scheduler: string;
  seed: number;
  /** A new seed for every job; `seed` waits. */
  randomSeed: boolean;
  batch_size: number;
  /** Layers of the text encoder to leave out. */
  clip_skip: number;
}

export type FieldErrors = Partial<Record<keyof Params, string>>;

export const MAX_SEED = 2 ** 32 - 1;

export const DEFAULT_FORM: FormState = {
  prompt: '',
  negative_prompt: '',
  model: null,
  width: null,
  height: null,
  customSize: false,
  steps: 20,
  cfg_scale: 7,
  sampler: 'Euler',
  scheduler: 'Automatic',
  seed: 0,
  randomSeed: true,
  batch_size: 1,
  clip_skip: 0,
};

/** Used until the server has told its own. */
export const DEFAULT_LIMITS: Limits = {
  min_side: 64,
  max_side: 2048,
  side_multiple: 8,
  max_steps: 150,
  max_guidance: 30,
  max_batch_size: 8,
  max_prompt_length: 10_000,
  max_clip_skip: 12,
};

const FALLBACK_SIDE = 512;

/** The chosen model, else the default one, else the first. */
export function currentModel(form: Pick<FormState, 'model'>, models: readonly Model[]): Model | undefined {
  return models.find(({ id }) => id === form.model) ?? models.find((model) => model.is_default) ?? models[0];
}

/** The size that will be made, in pixels. */
export function currentSize(
  form: Pick<FormState, 'width' | 'height'>,
  model: Model | undefined,
): { width: number; height: number } {
  const native = model?.native_size ?? FALLBACK_SIDE;
  return { width: form.width ?? native, height: form.height ?? native };
}

export type RecipeUse = 'all' | 'remix' | 'seed';

/** The form after «Use all» (everything), «Remix» (all but the seed) or «Use seed» (nothing else). */
export function withRecipe(form: FormState, image: Image, use: RecipeUse): FormState {
  if (use === 'seed') return { ...form, seed: image.seed, randomSeed: false };
  const { recipe } = image;
  return {
    ...form,
    prompt: image.prompt,
    negative_prompt: image.negative_prompt,
    model: recipe.model_id ?? form.model,
    width: recipe.width ?? image.width,
    height: recipe.height ?? image.height,
    customSize: false,
    steps: recipe.steps ?? form.steps,
    cfg_scale: recipe.cfg_scale ?? form.cfg_scale,
    sampler: recipe.sampler ?? form.sampler,
    scheduler: recipe.scheduler ?? form.scheduler,
    clip_skip: recipe.clip_skip ?? form.clip_skip,
    // The image's own seed makes this one image: without the rest of its batch.
    ...(use === 'all' && { seed: image.seed, randomSeed: false, batch_size: 1 }),
  };
}

/** What to send. */
export function toRequest(form: FormState, model: Model | undefined): JobRequest {
  return {
    prompt: form.prompt.trim(),
    negative_prompt: form.negative_prompt.trim(),
    ...(model && { model: model.id }),
    ...currentSize(form, model),
    steps: form.steps,
    cfg_scale: form.cfg_scale,
    sampler: form.sampler,
    scheduler: form.scheduler,
    seed: form.randomSeed ? -1 : form.seed,
    batch_size: form.batch_size,
    clip_skip: form.clip_skip,
  };
}

/** Codes of what is wrong, by field; the words are in the locales under `form.errors`. Empty when all is well. */
export function validate(form: FormState, model: Model | undefined, limits: Limits): FieldErrors {
  const errors: FieldErrors = {};
  if (!form.prompt.trim()) errors.prompt = 'empty';
  if (form.prompt.length > limits.max_prompt_length) errors.prompt = 'tooLong';
  if (form.negative_prompt.length > limits.max_prompt_length) errors.negative_prompt = 'tooLong';
  const size = currentSize(form, model);
  for (const side of ['width', 'height'] as const) {
    const value = size[side];
    if (value < limits.min_side || value > limits.max_side || value % limits.side_multiple) errors[side] = 'side';
  }
  return errors;
}

/** The option that means `wanted` (by name, label or alias, whatever the case), else the first. */
export function matchOption(
  options: readonly { name: string; label?: string; aliases?: string[] }[],
  wanted: string,
): string | null {
  const key = wanted.toLowerCase();
  const found = options.find(
    ({ name, label, aliases = [] }) =>
      name.toLowerCase() === key ||
      label?.toLowerCase() === key ||
      aliases.some((alias) => alias.toLowerCase() === key),
  );
  return (found ?? options[0])?.name ?? null;
}

/** The form with sampler and schedule as this server names them. */
export function withKnownOptions(form: FormState, options: Options | undefined): FormState {
  if (!options) return form;
  return {
    ...form,
    sampler: matchOption(options.samplers, form.sampler) ?? form.sampler,
    scheduler: matchOption(options.schedules, form.scheduler) ?? form.scheduler,
  };
}

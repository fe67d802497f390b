/** The Generate form as data: defaults, limits, and what an image's recipe does to it. Framework-free. */

import type { Image, JobRequest, Limits, Model, MyLimits, Options, Params, Recipe } from '../../api/types';
import { DEFAULT_EXTRAS, extrasOf, extrasRequest, type Extras } from './extras';

/** Field names are those of the wire, so that the server's complaints find their field. */
export interface FormState extends Extras {
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

/** By field, or by the path into it such as `loras.0.weight`. */
export type FieldErrors = Partial<Record<keyof Params | `${keyof Params}.${string}`, string>>;

/** The field of the request that a path such as `loras.0.weight` leads into. */
export function rootOf(path: string): string {
  return path.split('.', 1)[0] ?? path;
}

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
  ...DEFAULT_EXTRAS,
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
  max_lora_slots: 7,
  max_lora_weight: 10,
  max_mask_blur: 64,
  max_padding: 256,
  max_hires_scale: 4,
  max_pag_scale: 20,
  max_control_units: 8,
  max_control_weight: 2,
  min_map_side: 64,
  max_map_side: 2048,
  max_ip_adapters: 4,
  max_ip_pictures: 8,
  max_ip_scale: 2,
  max_upscale: 8,
  max_detections: 32,
  max_picture_pixels: 2 ** 26,
  max_picture_side: 16_384,
};

/** The server's limits, narrowed to what one person may ask for. */
export function withinMine(limits: Limits, mine: Pick<MyLimits, 'largest_side' | 'steps'> | undefined): Limits {
  const { min_side: minSide, max_side: maxSide, max_steps: maxSteps } = limits;
  return {
    ...limits,
    max_side: Math.max(minSide, Math.min(maxSide, mine?.largest_side ?? maxSide)),
    max_steps: Math.min(maxSteps, mine?.steps ?? maxSteps),
  };
}

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

/** Everything, everything but the seed, the seed alone, or the picture itself to start from. */
export type RecipeUse = 'all' | 'remix' | 'seed' | 'start';

/** The form after «Use all», «Remix», «Use seed» or «Start picture». */
export function withRecipe(form: FormState, image: Image, use: RecipeUse): FormState {
  if (use === 'seed') return { ...form, seed: image.seed, randomSeed: false };
  if (use === 'start') return { ...form, image: `image:${image.id}` };
  const { prompt, negative_prompt, width, height } = image;
  return {
    ...withParams(form, { width, height, ...image.recipe, prompt, negative_prompt }),
    // The image's own seed makes this one image: without the rest of its batch.
    ...(use === 'all' && { seed: image.seed, randomSeed: false, batch_size: 1 }),
  };
}

/** The form with the parameters of a recipe, but for its seed. What it does not know, or has no number for, stays. */
export function withParams(form: FormState, recipe: Recipe): FormState {
  return {
    ...form,
    prompt: recipe.prompt ?? form.prompt,
    negative_prompt: recipe.negative_prompt ?? form.negative_prompt,
    model: recipe.model_id ?? form.model,
    width: recipe.width ?? form.width,
    height: recipe.height ?? form.height,
    customSize: false,
    // A picture that was only enlarged had no steps and no sampler.
    steps: recipe.steps || form.steps,
    cfg_scale: recipe.cfg_scale ?? form.cfg_scale,
    sampler: recipe.sampler || form.sampler,
    scheduler: recipe.scheduler || form.scheduler,
    clip_skip: recipe.clip_skip ?? form.clip_skip,
    ...extrasOf(recipe),
  };
}

/** The form with what a file says about how it was made, seed and all; the file names its model. */
export function withFile(form: FormState, recipe: Recipe, models: readonly Model[]): FormState {
  const model = models.find(({ name }) => name === recipe.model)?.id;
  const { seed } = recipe;
  return {
    ...withParams(form, { ...recipe, ...(model && { model_id: model }) }),
    ...(seed !== undefined && seed >= 0 && { seed, randomSeed: false, batch_size: 1 }),
  };
}

/** What to send. */
export function toRequest(form: FormState, model: Model | undefined): JobRequest {
  return {
    prompt: form.prompt.trim(),
    negative_prompt: form.negative_prompt.trim(),
    ...(model && { model: model.id }),
    ...(!followsPicture(form) && currentSize(form, model)),
    steps: form.steps,
    cfg_scale: form.cfg_scale,
    sampler: form.sampler,
    scheduler: form.scheduler,
    seed: form.randomSeed ? -1 : form.seed,
    batch_size: form.batch_size,
    clip_skip: form.clip_skip,
    ...extrasRequest(form),
  };
}

/** Whether the result takes its shape from the start picture, because nobody chose a size. */
export function followsPicture(form: Pick<FormState, 'image' | 'width' | 'height'>): boolean {
  return form.image !== null && form.width === null && form.height === null;
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

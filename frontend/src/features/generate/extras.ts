/** What the form has besides the basics, each by its name on the wire; null and empty lists are off. Framework-free. */

import type {
  DetailPass,
  FaceRestoration,
  FreeU,
  Hires,
  JobRequest,
  LoraSlot,
  Recipe,
  Upscale,
  Variation,
} from '../../api/types';

export const RESIZE_MODES = ['stretch', 'crop', 'fill'] as const;
export type ResizeMode = (typeof RESIZE_MODES)[number];

export interface Extras {
  loras: LoraSlot[];
  /** Reference to the picture to start from: `upload:<id>` or `image:<id>`. */
  image: string | null;
  /** How much of the start picture is painted anew, 0 to 1. */
  strength: number;
  resize_mode: ResizeMode;
  hires: Hires | null;
  upscale: Upscale | null;
  face_restoration: FaceRestoration | null;
  adetailer: DetailPass[];
  vae: string | null;
  freeu: FreeU | null;
  pag_scale: number;
  cfg_rescale: number;
  tiling: boolean;
  variation: Variation | null;
}

export const DEFAULT_EXTRAS: Extras = {
  loras: [],
  image: null,
  strength: 0.75,
  resize_mode: 'crop',
  hires: null,
  upscale: null,
  face_restoration: null,
  adetailer: [],
  vae: null,
  freeu: null,
  pag_scale: 0,
  cfg_rescale: 0,
  tiling: false,
  variation: null,
};

/** What a recipe says about them: all of it, and off what it does not name. */
export function extrasOf(recipe: Recipe): Extras {
  return {
    loras: listOf(recipe.loras),
    // Where a picture was painted over or enlarged, the form cannot ask for the same.
    image: recipe.task === 'img2img' ? (recipe.image ?? null) : null,
    strength: recipe.strength ?? DEFAULT_EXTRAS.strength,
    resize_mode: recipe.resize_mode ?? DEFAULT_EXTRAS.resize_mode,
    hires: recipe.hires ?? null,
    upscale: recipe.upscale ?? null,
    face_restoration: recipe.face_restoration ?? null,
    adetailer: listOf(recipe.adetailer),
    vae: recipe.vae ?? null,
    freeu: recipe.freeu ?? null,
    pag_scale: recipe.pag_scale ?? DEFAULT_EXTRAS.pag_scale,
    cfg_rescale: recipe.cfg_rescale ?? DEFAULT_EXTRAS.cfg_rescale,
    tiling: recipe.tiling ?? DEFAULT_EXTRAS.tiling,
    variation: recipe.variation ?? null,
  };
}

/** Where the wire takes one or a list. */
function listOf<T>(value: T | T[] | null | undefined): T[] {
  if (Array.isArray(value)) return value;
  return value === null || value === undefined ? [] : [value];
}

/** Their part of a request: what is off is not spoken of. */
export function extrasRequest(form: Extras): Partial<JobRequest> {
  const { image, strength, resize_mode, pag_scale, cfg_rescale, tiling } = form;
  const { loras, adetailer, vae } = form;
  const { hires, upscale, face_restoration, freeu, variation } = form;
  return {
    ...(image === null ? { task: 'txt2img' } : { task: 'img2img', image, strength, resize_mode }),
    ...(loras.length > 0 && { loras }),
    ...(adetailer.length > 0 && { adetailer }),
    ...(vae && { vae }),
    ...(hires && { hires }),
    ...(upscale && { upscale }),
    ...(face_restoration && { face_restoration }),
    ...(freeu && { freeu }),
    ...(variation && { variation }),
    ...(pag_scale > 0 && { pag_scale }),
    ...(cfg_rescale > 0 && { cfg_rescale }),
    ...(tiling && { tiling }),
  };
}

/** The list with one entry changed. */
export function withEntry<T>(list: readonly T[], index: number, change: Partial<T>): T[] {
  return list.map((entry, i) => (i === index ? { ...entry, ...change } : entry));
}

/** The list without one entry. */
export function withoutEntry<T>(list: readonly T[], index: number): T[] {
  return list.filter((_, i) => i !== index);
}

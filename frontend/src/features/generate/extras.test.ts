import { describe, expect, it } from 'vitest';

import type { Image, Model, Recipe } from '../../api/types';
import { DEFAULT_EXTRAS, extrasOf, extrasRequest } from './extras';
import { DEFAULT_FORM, toRequest, withRecipe, type FormState } from './formState';
import { fitting } from './models';

const model = { id: 'm1', name: 'demo', native_size: 128, is_default: true } as Model;

const EVERYTHING: Partial<FormState> = {
  loras: [{ name: 'sketch', weight: 0.8 }],
  image: 'upload:u1',
  strength: 0.4,
  resize_mode: 'fill',
  hires: { scale: 1.5, steps: 8, strength: 0.5, upscaler: 'Lanczos' },
  upscale: { scale: 2, method: 'lanczos' },
  face_restoration: { visibility: 0.5, fidelity: 0.5 },
  adetailer: [{ detector: 'face', prompt: 'a face', strength: 0.3 }],
  vae: 'soft',
  freeu: { b1: 1.3, b2: 1.4, s1: 0.9, s2: 0.2 },
  pag_scale: 3,
  cfg_rescale: 0.7,
  tiling: true,
  variation: { seed: 5, strength: 0.2 },
};

describe('extrasRequest', () => {
  it('does not speak of what is off', () => {
    expect(extrasRequest(DEFAULT_EXTRAS)).toEqual({ task: 'txt2img' });
  });

  it('says everything that is on, in the words of the wire', () => {
    expect(extrasRequest({ ...DEFAULT_FORM, ...EVERYTHING })).toEqual({ task: 'img2img', ...EVERYTHING });
  });

  it('leaves the size to the start picture until somebody chooses one', () => {
    const form = { ...DEFAULT_FORM, prompt: 'x', image: 'image:i1' };
    expect(toRequest(form, model)).not.toHaveProperty('width');
    expect(toRequest({ ...form, width: 256, height: 128 }, model)).toMatchObject({ width: 256, height: 128 });
  });
});

describe('extrasOf', () => {
  it('takes up what a recipe says', () => {
    expect(extrasOf({ task: 'img2img', ...EVERYTHING } as Recipe)).toEqual(EVERYTHING);
  });

  it('switches off what a recipe does not name', () => {
    const used = withRecipe({ ...DEFAULT_FORM, ...EVERYTHING }, { recipe: {} } as Image, 'all');
    expect(extrasRequest(used)).toEqual({ task: 'txt2img' });
  });

  it('does not begin with the picture of another task', () => {
    expect(extrasOf({ task: 'inpaint', image: 'upload:u1' }).image).toBeNull();
  });
});

describe('withRecipe', () => {
  it('starts from the picture and changes nothing else', () => {
    expect(withRecipe(DEFAULT_FORM, { id: 'i7' } as Image, 'start')).toEqual({ ...DEFAULT_FORM, image: 'image:i7' });
  });

  it('keeps its own steps and sampler where an enlarged picture had none', () => {
    const enlarged = { recipe: { task: 'upscale', steps: 0, sampler: '' } } as unknown as Image;
    expect(withRecipe(DEFAULT_FORM, enlarged, 'all')).toMatchObject({ steps: 20, sampler: 'Euler' });
  });
});

describe('fitting', () => {
  const named = (name: string, family: string) => ({ id: name, name, family, trigger_words: [] });
  const all = [named('a', 'sd15'), named('b', 'sdxl'), named('c', 'unknown')];
  it('offers those of the family and those of no known one', () => {
    expect(fitting(all, 'sd15').map(({ name }) => name)).toEqual(['a', 'c']);
    expect(fitting(all, undefined)).toHaveLength(3);
  });
});

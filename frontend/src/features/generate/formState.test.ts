import { describe, expect, it } from 'vitest';

import type { Image, Model } from '../../api/types';
import {
  DEFAULT_FORM,
  DEFAULT_LIMITS,
  currentModel,
  currentSize,
  matchOption,
  toRequest,
  validate,
  withRecipe,
} from './formState';

const demo = { id: 'm1', name: 'demo', native_size: 128, is_default: true } as Model;
const other = { id: 'm2', name: 'other', native_size: 512, is_default: false } as Model;
const image = {
  id: 'i1',
  prompt: 'a boat',
  negative_prompt: 'fog',
  width: 256,
  height: 128,
  seed: 43,
  recipe: {
    model_id: 'm2',
    width: 256,
    height: 128,
    steps: 9,
    cfg_scale: 3,
    sampler: 'Heun',
    scheduler: 'karras',
    seed: 43,
  },
} as Image;

describe('currentModel', () => {
  it('takes the chosen one, else the default, else the first', () => {
    expect(currentModel({ model: 'm2' }, [demo, other])).toBe(other);
    expect(currentModel({ model: 'gone' }, [other, demo])).toBe(demo);
    expect(currentModel({ model: null }, [other])).toBe(other);
    expect(currentModel({ model: null }, [])).toBeUndefined();
  });
});

describe('currentSize', () => {
  it('follows the model until the person chooses', () => {
    expect(currentSize(DEFAULT_FORM, demo)).toEqual({ width: 128, height: 128 });
    expect(currentSize({ width: 64, height: 768 }, demo)).toEqual({ width: 64, height: 768 });
    expect(currentSize(DEFAULT_FORM, undefined)).toEqual({ width: 512, height: 512 });
  });
});

describe('withRecipe', () => {
  const form = { ...DEFAULT_FORM, prompt: 'mine', batch_size: 4, seed: 7 };

  it('uses all: one picture with its own seed', () => {
    expect(withRecipe(form, image, 'all')).toMatchObject({
      prompt: 'a boat',
      negative_prompt: 'fog',
      model: 'm2',
      width: 256,
      steps: 9,
      sampler: 'Heun',
      seed: 43,
      randomSeed: false,
      batch_size: 1,
    });
  });

  it('remixes: everything but seed and batch', () => {
    const remix = withRecipe(form, image, 'remix');
    expect(remix).toMatchObject({ prompt: 'a boat', cfg_scale: 3, seed: 7, randomSeed: true, batch_size: 4 });
  });

  it('uses the seed alone', () => {
    expect(withRecipe(form, image, 'seed')).toEqual({ ...form, seed: 43, randomSeed: false });
  });

  it('keeps what an old recipe does not know', () => {
    const old = { ...image, recipe: {} };
    expect(withRecipe(form, old, 'all')).toMatchObject({ steps: form.steps, sampler: form.sampler, width: 256 });
  });
});

describe('toRequest', () => {
  it('asks for a random seed with -1 and trims the prompts', () => {
    expect(toRequest({ ...DEFAULT_FORM, prompt: ' a boat ', seed: 5 }, demo)).toMatchObject({
      prompt: 'a boat',
      seed: -1,
      model: 'm1',
      width: 128,
    });
    expect(toRequest({ ...DEFAULT_FORM, prompt: 'x', seed: 5, randomSeed: false }, demo).seed).toBe(5);
  });

  it('leaves the model to the server when none is known', () => {
    expect(toRequest({ ...DEFAULT_FORM, prompt: 'x' }, undefined)).not.toHaveProperty('model');
  });
});

describe('validate', () => {
  const check = (part: object) => validate({ ...DEFAULT_FORM, prompt: 'x', ...part }, demo, DEFAULT_LIMITS);

  it('accepts the defaults with a prompt', () => expect(check({})).toEqual({}));
  it('wants a prompt', () => expect(check({ prompt: '  ' })).toEqual({ prompt: 'empty' }));
  it('bounds both prompts', () => {
    const long = 'x'.repeat(10_001);
    expect(check({ prompt: long, negative_prompt: long })).toEqual({ prompt: 'tooLong', negative_prompt: 'tooLong' });
  });
  it('wants possible sides', () => {
    expect(check({ width: 513, height: 512 })).toEqual({ width: 'side' });
    expect(check({ width: 512, height: 4096 })).toEqual({ height: 'side' });
  });
});

describe('matchOption', () => {
  const options = [
    { name: 'euler', aliases: ['k_euler'] },
    { name: 'sgm_uniform', label: 'SGM Uniform' },
  ];
  it('finds by name, label and alias in any case', () => {
    expect(matchOption(options, 'Euler')).toBe('euler');
    expect(matchOption(options, 'K_EULER')).toBe('euler');
    expect(matchOption(options, 'sgm uniform')).toBe('sgm_uniform');
  });
  it('falls back to the first', () => {
    expect(matchOption(options, 'gone')).toBe('euler');
    expect(matchOption([], 'gone')).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';

import type { Image } from '../api/types';
import { downloadName, recipeText } from './recipeText';

const image = {
  prompt: 'a red apple',
  negative_prompt: 'blurry',
  model: 'demo',
  width: 512,
  height: 768,
  seed: 42,
  created_at: '2026-11-23T06:15:00.123Z',
  recipe: {
    steps: 20,
    sampler: 'DPM++ 2M',
    scheduler: 'Karras',
    cfg_scale: 7.5,
    clip_skip: 0,
    model_hash: '0123456789abcdef',
  },
} as Image;

describe('recipeText', () => {
  it('reads like the parameters of other programs', () => {
    expect(recipeText(image)).toBe(
      [
        'a red apple',
        'Negative prompt: blurry',
        'Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 42, Size: 512x768, ' +
          'Model hash: 0123456789, Model: demo',
      ].join('\n'),
    );
  });

  it('leaves out what is unknown and counts clip skip from one', () => {
    const text = recipeText({ ...image, negative_prompt: '', recipe: { steps: 4, clip_skip: 1 } });
    expect(text).toBe('a red apple\nSteps: 4, Seed: 42, Size: 512x768, Model: demo, Clip skip: 2');
  });

  it('quotes a model name that would break the line', () => {
    expect(recipeText({ ...image, model: 'a, b: c' })).toContain('Model: "a, b: c"');
  });
});

describe('downloadName', () => {
  it.each(['2026-11-23T06:15:00.123Z', '2026-11-23T06:15:00+00:00'])('is made of time and seed: %s', (created_at) => {
    expect(downloadName({ ...image, created_at })).toBe('20261123-061500_42.png');
  });
});

import { describe, expect, it } from 'vitest';

import type { Model } from '../../api/types';
import { familyName, modelChange, modelGroups } from './models';

const model = (id: string, family: string) => ({ id, name: `Model ${id}`, family, native_size: 128 }) as Model;

it('names families as people do, and unknown ones as they come', () => {
  expect([familyName('sd15'), familyName('SDXL'), familyName('new')]).toEqual(['SD 1.5', 'SDXL', 'new']);
});

it('groups models by family in the order in which they come', () => {
  expect(modelGroups([model('b', 'sdxl'), model('c', 'sd15'), model('a', 'sdxl')])).toEqual([
    {
      group: 'SDXL',
      items: [
        { value: 'b', label: 'Model b' },
        { value: 'a', label: 'Model a' },
      ],
    },
    { group: 'SD 1.5', items: [{ value: 'c', label: 'Model c' }] },
  ]);
});

describe('modelChange', () => {
  const before = model('a', 'sd15');

  it('leaves a size that follows the model to follow the new one', () => {
    expect(modelChange({ width: null, height: null }, before, 'b')).toEqual({ model: 'b' });
  });

  it('lets go of a size that was only the native one of the model before', () => {
    expect(modelChange({ width: 128, height: 128 }, before, 'b')).toEqual({ model: 'b', width: null, height: null });
  });

  it('keeps a size that the person chose', () => {
    expect(modelChange({ width: 128, height: 256 }, before, 'b')).toEqual({ model: 'b' });
    expect(modelChange({ width: 256, height: 256 }, undefined, 'b')).toEqual({ model: 'b' });
  });
});

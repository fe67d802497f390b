/** A picture's recipe as text that people of this field can read, and other programs can parse. */
import type { Image } from '../api/types';

/** The "parameters" text that AUTOMATIC1111 made common: prompt, negative prompt, one line of `Name: value` pairs. */
export function recipeText(image: Image): string {
  const { recipe } = image;
  const pairs: [string, unknown][] = [
    ['Steps', recipe.steps],
    ['Sampler', recipe.sampler],
    ['Schedule type', recipe.scheduler],
    ['CFG scale', recipe.cfg_scale],
    ['Seed', image.seed],
    ['Size', `${image.width}x${image.height}`],
    ['Model hash', recipe.model_hash?.slice(0, 10)],
    ['Model', quoted(image.model)],
    // There, 1 means that no layer is skipped.
    ['Clip skip', recipe.clip_skip ? recipe.clip_skip + 1 : undefined],
  ];
  const known = pairs.filter(([, value]) => value !== undefined && value !== null && value !== '');
  return [
    image.prompt,
    ...(image.negative_prompt ? [`Negative prompt: ${image.negative_prompt}`] : []),
    known.map(([name, value]) => `${name}: ${String(value)}`).join(', '),
  ].join('\n');
}

/** Values with a comma or a colon would end early. */
function quoted(value: string): string {
  return /[,:\n]/.test(value) ? JSON.stringify(value) : value;
}

/** A file name that sorts by time and says which seed it was: `20261123-061500_42.png`. */
export function downloadName(image: Image): string {
  const time = image.created_at
    .replace(/\.\d+/, '')
    .replace(/[-:Z]|\+.*$/g, '')
    .replace('T', '-');
  return `${time}_${image.seed}.png`;
}

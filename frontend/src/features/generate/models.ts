/** Model families and what choosing another model does to the form. Framework-free. */

import type { Model, ModelName } from '../../api/types';
import type { FormState } from './formState';

const FAMILY_NAMES: Record<string, string> = { sd15: 'SD 1.5', sdxl: 'SDXL', sd3: 'SD 3', flux: 'Flux' };

interface ModelOption {
  value: string;
  label: string;
}

/** How people call a model family. */
export function familyName(family: string): string {
  return FAMILY_NAMES[family.toLowerCase()] ?? family;
}

/** Models in groups by family, both in the order in which they come. */
export function modelGroups(models: readonly Model[]): { group: string; items: ModelOption[] }[] {
  const groups = new Map<string, ModelOption[]>();
  for (const { id, name, family } of models) {
    const group = familyName(family);
    groups.set(group, [...(groups.get(group) ?? []), { value: id, label: name }]);
  }
  return [...groups].map(([group, items]) => ({ group, items }));
}

/**
 * What choosing a model changes. A size that was only the native one of the model before gives way to the new model's
 * own; one that the person chose stays.
 */
export function modelChange(
  form: Pick<FormState, 'width' | 'height'>,
  before: Model | undefined,
  id: string,
): Partial<FormState> {
  const isNative = form.width === before?.native_size && form.height === before?.native_size;
  return { model: id, ...(isNative && { width: null, height: null }) };
}

/** The models that go with a checkpoint of `family`: those of the same, and those of which nobody knows. */
export function fitting(models: readonly ModelName[], family: string | undefined): ModelName[] {
  return models.filter((model) => !family || model.family === family || model.family === 'unknown');
}

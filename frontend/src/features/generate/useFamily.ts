import { currentModel } from './formState';
import { useForm } from './store';
import { useCatalogue } from './useCatalogue';

/** The family of the checkpoint that will be used; undefined while nobody knows. */
export function useFamily(): string | undefined {
  const { models } = useCatalogue();
  const form = useForm(({ form }) => form);
  return currentModel(form, models)?.family;
}

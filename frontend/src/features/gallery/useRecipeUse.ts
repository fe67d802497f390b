import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';

import type { Image } from '../../api/types';
import { toast } from '../../lib/toast';
import type { RecipeUse } from '../generate/formState';
import { applyRecipe } from '../generate/store';

export type { RecipeUse };

/** Takes a picture's parameters into the Generate form and goes there. */
export function useRecipeUse(): (image: Image, kind: RecipeUse) => void {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (image, kind) => {
    applyRecipe(image, kind);
    toast({ title: t(`actions.${kind}Done`), autoClose: 2500 });
    void navigate({ to: '/' });
  };
}

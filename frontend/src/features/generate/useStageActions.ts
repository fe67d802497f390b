import { useTranslation } from 'react-i18next';

import type { Image } from '../../api/types';
import { toast } from '../../lib/toast';
import { useImageActions } from '../gallery/useImageActions';
import type { RecipeUse } from './formState';
import { useStage } from './stageStore';
import { applyRecipe } from './store';
import { useHistory } from './useHistory';

interface StageActions {
  use: (kind: RecipeUse) => void;
  toggleFavourite: () => void;
  trash: () => void;
}

/** What can be done with the picture on the stage. */
export function useStageActions(image: Image): StageActions {
  const { t } = useTranslation();
  const { setFavourite, trash } = useImageActions();
  const { images } = useHistory();
  const { selection, showImage, showLatest } = useStage();

  const moveOn = () => {
    if (selection.type !== 'image') return;
    const at = images.findIndex(({ id }) => id === image.id);
    const neighbour = images[at + 1] ?? images[at - 1];
    if (neighbour) showImage(neighbour);
    else showLatest();
  };

  return {
    use: (kind) => {
      applyRecipe(image, kind);
      toast({ title: t(`actions.${kind}Done`), autoClose: 2500 });
    },
    toggleFavourite: () => void setFavourite([image], !image.favourite),
    trash: () => {
      moveOn();
      void trash([image]);
    },
  };
}

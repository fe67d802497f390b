import { Button, List, Modal, Text } from '@mantine/core';
import { IconPhotoUp, IconWand } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { ReadRecipe } from '../../api/types';
import { openSection } from '../../lib/uiStore';
import { toast, toastError } from '../../lib/toast';
import classes from './PageDrop.module.css';
import { usePictureUpload } from './sections/usePictureUpload';
import { useForm } from './store';
import { useCatalogue } from './useCatalogue';
import { useFileDrop } from './useFileDrop';
import { withFile } from './formState';

interface Offer {
  file: File;
  recipe: ReadRecipe;
}

/** A picture dropped anywhere on the page: its settings are offered, without any it becomes the start picture. */
export function PageDrop() {
  const { t } = useTranslation();
  const [offer, setOffer] = useState<Offer | null>(null);
  const { upload } = usePictureUpload();
  const { models } = useCatalogue();
  const start = async (file: File) => {
    setOffer(null);
    const image = await upload(file);
    if (image === null) return;
    useForm.getState().change({ image });
    openSection('start');
    toast({ title: t('actions.startDone'), autoClose: 2500 });
  };
  const use = (params: Offer['recipe']['params']) => {
    setOffer(null);
    useForm.setState(({ form }) => ({ form: withFile(form, params, models), errors: {} }));
    toast({ title: t('actions.allDone'), autoClose: 2500 });
  };
  const isOver = useFileDrop((file) => {
    readRecipe(file)
      .then((recipe) => (recipe ? setOffer({ file, recipe }) : start(file)))
      .catch((error: unknown) => toastError(error));
  });
  return (
    <>
      {isOver && (
        <div className={classes.overlay} aria-hidden>
          <IconPhotoUp size={40} stroke={1.5} />
          {t('drop.here')}
        </div>
      )}
      <Modal opened={offer !== null} onClose={() => setOffer(null)} title={t('drop.title')}>
        {offer && (
          <OfferBody
            recipe={offer.recipe}
            onUse={() => use(offer.recipe.params)}
            onStart={() => void start(offer.file)}
          />
        )}
      </Modal>
    </>
  );
}

/** What the file says about how it was made; null when it says nothing. */
async function readRecipe(file: File): Promise<ReadRecipe | null> {
  try {
    return await api.readRecipe(file);
  } catch (error) {
    if (error instanceof ApiError && (error.code === 'no_recipe' || error.code === 'bad_metadata')) return null;
    throw error;
  }
}

interface OfferBodyProps {
  recipe: ReadRecipe;
  onUse: () => void;
  onStart: () => void;
}

function OfferBody({ recipe: { params, missing }, onUse, onStart }: OfferBodyProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.offer}>
      {typeof params.prompt === 'string' && (
        <Text size="sm" lineClamp={4}>
          {params.prompt}
        </Text>
      )}
      {missing.length > 0 && (
        <div>
          <Text size="sm" c="dimmed">
            {t('drop.missing')}
          </Text>
          <List size="sm">
            {missing.map(({ field, value, reason }) => (
              <List.Item key={`${field} ${value}`}>
                {field}: {value} – {reason}
              </List.Item>
            ))}
          </List>
        </div>
      )}
      <div className={classes.buttons}>
        <Button leftSection={<IconWand size={18} stroke={1.75} />} onClick={onUse} data-autofocus>
          {t('drop.use')}
        </Button>
        <Button variant="default" leftSection={<IconPhotoUp size={18} stroke={1.75} />} onClick={onStart}>
          {t('actions.useStart')}
        </Button>
      </div>
    </div>
  );
}

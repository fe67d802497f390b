import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconStar, IconStarOff, IconTrash, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../../api/types';
import classes from './SelectionBar.module.css';

interface SelectionBarProps {
  images: readonly Image[];
  onFavourite: (favourite: boolean) => void;
  onDelete: () => void;
  onAll: () => void;
  onClear: () => void;
}

/** What can be done with the selected pictures; floats over the grid. */
export function SelectionBar({ images, onFavourite, onDelete, onAll, onClear }: SelectionBarProps) {
  const { t } = useTranslation();
  const isNone = images.length === 0;
  const areFavourites = !isNone && images.every((image) => image.favourite);
  const StarIcon = areFavourites ? IconStarOff : IconStar;
  return (
    <div className={classes.bar} role="toolbar" aria-label={t('gallery.selection')}>
      <Tooltip label={`${t('gallery.clearSelection')} · Esc`}>
        <ActionIcon variant="subtle" color="gray" aria-label={t('gallery.clearSelection')} onClick={onClear}>
          <IconX size={20} stroke={1.75} aria-hidden />
        </ActionIcon>
      </Tooltip>
      <span className={classes.count} role="status">
        {isNone ? t('gallery.selectHint') : t('gallery.selected', { count: images.length })}
      </span>
      <Button variant="subtle" className={classes.all} onClick={onAll}>
        {t('gallery.selectAll')}
      </Button>
      <Button
        variant="default"
        disabled={isNone}
        leftSection={<StarIcon size={18} stroke={1.75} aria-hidden />}
        onClick={() => onFavourite(!areFavourites)}
      >
        {t(areFavourites ? 'gallery.unfavouriteShort' : 'gallery.favouriteShort')}
      </Button>
      <Button
        className={classes.delete}
        disabled={isNone}
        leftSection={<IconTrash size={18} stroke={1.75} aria-hidden />}
        onClick={onDelete}
      >
        {t('gallery.delete')}
      </Button>
    </div>
  );
}

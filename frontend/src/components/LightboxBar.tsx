import { ActionIcon, Tooltip } from '@mantine/core';
import { IconDownload, IconInfoCircle, IconStar, IconStarFilled, IconTrash, IconX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../api/types';
import { downloadName } from '../lib/recipeText';
import classes from './Lightbox.module.css';

const ICON = { size: 20, stroke: 1.75, 'aria-hidden': true } as const;

interface LightboxBarProps {
  image: Image;
  /** «3 / 40» */
  place: string;
  hasPanel: boolean;
  favourite: () => void;
  panel: () => void;
  remove: () => void;
  close: () => void;
}

/** Where we are and what can be done; on phones the actions lie at the bottom, under the thumb. */
export function LightboxBar({ image, place, hasPanel, favourite, panel, remove, close }: LightboxBarProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.bar}>
      <span className={classes.counter} aria-hidden>
        {place}
      </span>
      <div className={classes.actions} role="toolbar" aria-label={t('lightbox.actions')}>
        <FavouriteAction isOn={image.favourite} onClick={favourite} />
        <Download image={image} />
        <Action hint={`${t('lightbox.delete')} · Del`} name={t('lightbox.delete')} onClick={remove}>
          <IconTrash {...ICON} />
        </Action>
        <Action hint={`${t('recipe.title')} · I`} name={t('recipe.title')} isOn={hasPanel} onClick={panel}>
          <IconInfoCircle {...ICON} />
        </Action>
      </div>
      <Action hint={`${t('common.close')} · Esc`} name={t('common.close')} onClick={close}>
        <IconX {...ICON} />
      </Action>
    </div>
  );
}

function FavouriteAction({ isOn, onClick }: { isOn: boolean; onClick: () => void }) {
  const { t } = useTranslation();
  const hint = t(isOn ? 'gallery.unfavourite' : 'gallery.favourite');
  return (
    <Action hint={`${hint} · .`} name={t('gallery.favourite')} isOn={isOn} onClick={onClick}>
      {isOn ? <IconStarFilled {...ICON} color="var(--warn)" /> : <IconStar {...ICON} />}
    </Action>
  );
}

function Download({ image }: { image: Image }) {
  const { t } = useTranslation();
  return (
    <Tooltip label={t('lightbox.download')}>
      <ActionIcon
        component="a"
        href={image.url}
        download={downloadName(image)}
        variant="subtle"
        className={classes.action}
        aria-label={t('lightbox.download')}
      >
        <IconDownload {...ICON} />
      </ActionIcon>
    </Tooltip>
  );
}

interface ActionProps {
  /** The tooltip, with the key. */
  hint: string;
  name: string;
  /** For switches. */
  isOn?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Action({ hint, name, isOn, onClick, children }: ActionProps) {
  return (
    <Tooltip label={hint}>
      <ActionIcon variant="subtle" className={classes.action} aria-label={name} aria-pressed={isOn} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

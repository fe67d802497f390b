import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import {
  IconArrowsMaximize,
  IconArrowsShuffle,
  IconCopyCheck,
  IconDownload,
  IconPhotoUp,
  IconSeeding,
  IconStar,
  IconStarFilled,
  IconTrash,
} from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../../api/types';
import { useShortcut } from '../../lib/useShortcut';
import { PHONE_QUERY } from '../../theme';
import classes from './StagePane.module.css';
import { useStageActions } from './useStageActions';

const ICON = { size: 20, stroke: 1.75 } as const;

interface ImageActionsProps {
  image: Image;
  onFullScreen: () => void;
}

/** The row under a finished picture. */
export function ImageActions({ image, onFullScreen }: ImageActionsProps) {
  const { t } = useTranslation();
  const actions = useStageActions(image);
  useShortcut('remix', () => actions.use('remix'));
  useShortcut('useSeed', () => actions.use('seed'));
  useShortcut('useAll', () => actions.use('all'));
  useShortcut('favourite', actions.toggleFavourite);
  useShortcut('delete', actions.trash);
  const Star = image.favourite ? IconStarFilled : IconStar;
  return (
    <div className={classes.actions} role="toolbar" aria-label={t('actions.label')}>
      <WordAction id="remix" icon={<IconArrowsShuffle {...ICON} />} onClick={() => actions.use('remix')} />
      <WordAction id="useSeed" icon={<IconSeeding {...ICON} />} onClick={() => actions.use('seed')} />
      <WordAction id="useAll" icon={<IconCopyCheck {...ICON} />} onClick={() => actions.use('all')} />
      <IconAction label={t('actions.useStart')} onClick={() => actions.use('start')}>
        <IconPhotoUp {...ICON} />
      </IconAction>
      <IconAction
        label={t(image.favourite ? 'actions.unfavourite' : 'actions.favourite')}
        isPressed={image.favourite}
        onClick={actions.toggleFavourite}
      >
        <Star {...ICON} color={image.favourite ? 'var(--warn)' : undefined} />
      </IconAction>
      <Tooltip label={t('actions.download')}>
        <ActionIcon
          component="a"
          href={image.url}
          download={`${image.id}.png`}
          variant="default"
          className={classes.action}
          aria-label={t('actions.download')}
        >
          <IconDownload {...ICON} />
        </ActionIcon>
      </Tooltip>
      <IconAction label={t('stage.fullScreen')} onClick={onFullScreen}>
        <IconArrowsMaximize {...ICON} />
      </IconAction>
      <IconAction label={t('actions.delete')} onClick={actions.trash}>
        <IconTrash {...ICON} />
      </IconAction>
    </div>
  );
}

interface WordActionProps {
  id: 'remix' | 'useSeed' | 'useAll';
  icon: ReactNode;
  onClick: () => void;
}

/** An action with its name beside the icon; on phones the name is only read out. */
function WordAction({ id, icon, onClick }: WordActionProps) {
  const { t } = useTranslation();
  const isPhone = useMediaQuery(PHONE_QUERY, undefined, { getInitialValueInEffect: false });
  if (isPhone) {
    return (
      <IconAction label={t(`actions.${id}`)} onClick={onClick}>
        {icon}
      </IconAction>
    );
  }
  return (
    <Tooltip label={t(`actions.${id}Hint`)}>
      <Button variant="default" className={classes.action} leftSection={icon} px="md" onClick={onClick}>
        {t(`actions.${id}`)}
      </Button>
    </Tooltip>
  );
}

interface IconActionProps {
  label: string;
  isPressed?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function IconAction({ label, isPressed, onClick, children }: IconActionProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="default"
        className={classes.action}
        aria-label={label}
        aria-pressed={isPressed}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

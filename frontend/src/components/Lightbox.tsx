import { Modal } from '@mantine/core';
import { useLocalStorage, useMediaQuery } from '@mantine/hooks';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../api/types';
import { useImageActions } from '../features/gallery/useImageActions';
import { useRecipeUse } from '../features/gallery/useRecipeUse';
import type { RecipeUse } from '../features/gallery/useRecipeUse';
import { PHONE_QUERY } from '../theme';
import classes from './Lightbox.module.css';
import { LightboxBar } from './LightboxBar';
import { useLightboxKeys } from './lightboxKeys';
import { RecipePanel } from './RecipePanel';
import { ZoomStage } from './ZoomStage';
import type { ZoomControl } from './ZoomStage';

export interface LightboxProps {
  images: readonly Image[];
  index: number;
  onIndex: (index: number) => void;
  onClose: () => void;
}

interface BodyProps extends LightboxProps {
  image: Image;
}

/** One picture on the whole screen, with its neighbours an arrow key away and its recipe beside it. */
export function Lightbox(props: LightboxProps) {
  const { t } = useTranslation();
  const image = props.images[props.index];
  return (
    <Modal.Root opened={image !== undefined} onClose={props.onClose} fullScreen transitionProps={{ duration: 120 }}>
      <Modal.Content radius={0} aria-label={t('lightbox.label')} classNames={{ content: classes.content }}>
        {image && <Body {...props} image={image} />}
      </Modal.Content>
    </Modal.Root>
  );
}

function Body(props: BodyProps) {
  const { image, images, index, onClose } = props;
  const { t } = useTranslation();
  const [hasPanel, setHasPanel] = usePanelSwitch();
  const zoom = useRef<ZoomControl>(null);
  const actions = { ...useActions(props), panel: () => setHasPanel(!hasPanel) };
  const onKeyDown = useLightboxKeys({
    ...actions,
    zoom: (factor) => (factor === null ? zoom.current?.fit() : zoom.current?.zoomBy(factor)),
  });
  usePreloaded([images[index + 1], images[index - 1]]);

  const { go } = actions;
  const swipe = { left: () => go('next'), right: () => go('previous'), down: onClose };
  return (
    <div className={classes.layout} data-panel={hasPanel || undefined} onKeyDown={onKeyDown}>
      <LightboxBar
        {...actions}
        image={image}
        place={`${index + 1} / ${images.length}`}
        hasPanel={hasPanel}
        close={onClose}
      />
      {/* The focus starts on nothing that a stray Space would press. */}
      <div className={classes.middle} tabIndex={-1} data-autofocus>
        <ZoomStage key={image.id} ref={zoom} image={image} onSwipe={(direction) => swipe[direction]()} />
        <Step side="left" isOff={index === 0} onClick={() => go('previous')} />
        <Step side="right" isOff={index >= images.length - 1} onClick={() => go('next')} />
      </div>
      {hasPanel && <Panel image={image} onUse={actions.use} />}
      <div role="status" className="visually-hidden">
        {t('lightbox.position', { index: index + 1, total: images.length, prompt: image.prompt })}
      </div>
    </div>
  );
}

function Panel({ image, onUse }: { image: Image; onUse: (kind: RecipeUse) => void }) {
  const { t } = useTranslation();
  return (
    <aside className={classes.panel} aria-label={t('recipe.title')}>
      <h2 className={classes.panelTitle}>{t('recipe.title')}</h2>
      <RecipePanel image={image} onUse={onUse} />
    </aside>
  );
}

function Step({ side, isOff, onClick }: { side: 'left' | 'right'; isOff: boolean; onClick: () => void }) {
  const { t } = useTranslation();
  const Icon = side === 'left' ? IconChevronLeft : IconChevronRight;
  return (
    <button
      type="button"
      className={classes.step}
      data-side={side}
      aria-label={t(side === 'left' ? 'lightbox.previous' : 'lightbox.next')}
      disabled={isOff}
      onClick={onClick}
    >
      <Icon size={24} stroke={1.75} aria-hidden />
    </button>
  );
}

function useActions({ image, images, index, onIndex, onClose }: BodyProps) {
  const { setFavourite, trash } = useImageActions();
  const takeRecipe = useRecipeUse();
  return {
    go: (where: 'previous' | 'next' | 'first' | 'last') => {
      const to = { previous: index - 1, next: index + 1, first: 0, last: images.length - 1 }[where];
      if (to >= 0 && to < images.length) onIndex(to);
    },
    favourite: () => void setFavourite([image], !image.favourite),
    remove: () => {
      if (images.length === 1) onClose();
      void trash([image]);
    },
    use: (kind: RecipeUse) => {
      onClose();
      takeRecipe(image, kind);
    },
  };
}

/** Beside the picture where there is room, and remembered; on a phone it takes half the screen, so it starts closed. */
function usePanelSwitch(): [boolean, (open: boolean) => void] {
  const isPhone = useMediaQuery(PHONE_QUERY, undefined, { getInitialValueInEffect: false });
  const remembered = useLocalStorage({ key: 'sdweb-recipe-panel', defaultValue: true, getInitialValueInEffect: false });
  const once = useState(false);
  return isPhone ? once : [remembered[0], remembered[1]];
}

function usePreloaded(images: readonly (Image | undefined)[]): void {
  const urls = images.flatMap((image) => (image ? [image.url] : [])).join('\n');
  useEffect(() => {
    for (const url of urls.split('\n').filter(Boolean)) document.createElement('img').src = url;
  }, [urls]);
}

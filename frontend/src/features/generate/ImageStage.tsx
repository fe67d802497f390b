import { Suspense, lazy, useState } from 'react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../../api/types';
import { useDigitShortcut, useShortcut } from '../../lib/useShortcut';
import { Art } from './Art';
import { ImageActions } from './ImageActions';
import classes from './StagePane.module.css';
import { useStage } from './stageStore';

const Lightbox = lazy(async () => ({ default: (await import('../../components/Lightbox')).Lightbox }));

interface ImageStageProps {
  images: Image[];
  index: number;
}

/** A finished job: one picture large, its batch as a strip, and what can be done with it. */
export function ImageStage({ images, index }: ImageStageProps) {
  const { t } = useTranslation();
  const { selection, pick, showImage } = useStage();
  const [isFull, setIsFull] = useState(false);
  const choose = (chosen: number) => {
    const image = images[chosen];
    if (!image) return;
    if (selection.type === 'image') showImage(image);
    else pick(chosen);
  };
  useDigitShortcut(choose);
  useShortcut('fullScreen', () => setIsFull(true));
  const image = images[index] ?? images[0];
  if (!image) return null;
  return (
    <>
      <Art width={image.width} height={image.height}>
        <button
          type="button"
          className={classes.zoom}
          aria-label={t('stage.fullScreen')}
          onClick={() => setIsFull(true)}
        >
          <img src={image.thumbnail_url} alt="" aria-hidden />
          <img key={image.id} src={image.url} alt={image.prompt} />
        </button>
      </Art>
      <div className={classes.panel}>
        {images.length > 1 && <BatchStrip images={images} index={index} onPick={choose} />}
        <div className={classes.line}>
          <span title={image.prompt}>{image.prompt}</span>
          <span>
            {image.width} × {image.height} · {t('stage.seed', { seed: image.seed })}
          </span>
        </div>
        <ImageActions image={image} onFullScreen={() => setIsFull(true)} />
      </div>
      <Suspense fallback={null}>
        {isFull && <Lightbox images={images} index={index} onClose={() => setIsFull(false)} onIndex={choose} />}
      </Suspense>
    </>
  );
}

interface BatchStripProps {
  images: Image[];
  index: number;
  onPick: (index: number) => void;
}

function BatchStrip({ images, index, onPick }: BatchStripProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.batch} role="group" aria-label={t('stage.batch')}>
      {images.map((image, i) => (
        <button
          key={image.id}
          type="button"
          className={classes.pick}
          aria-pressed={i === index}
          aria-label={t('stage.pick', { number: i + 1 })}
          onClick={() => onPick(i)}
        >
          <img src={image.thumbnail_url} alt="" />
          <span aria-hidden>{i + 1}</span>
        </button>
      ))}
    </div>
  );
}

import { useTranslation } from 'react-i18next';

import classes from './HistoryPane.module.css';
import { useStage } from './stageStore';
import { useHistory } from './useHistory';

/** The gallery has the rest. */
const MAX_IN_STRIP = 40;

/** The history on phones: one row under the picture. */
export function HistoryStrip() {
  const { t } = useTranslation();
  const { images } = useHistory();
  const { selection, showImage } = useStage();
  if (images.length === 0) return null;
  return (
    <aside className={classes.strip} aria-label={t('history.title')}>
      {images.slice(0, MAX_IN_STRIP).map((image) => (
        <button
          key={image.id}
          type="button"
          className={classes.thumb}
          aria-label={t('history.show', { prompt: image.prompt })}
          aria-pressed={selection.type === 'image' && selection.image.id === image.id}
          onClick={() => showImage(image)}
        >
          <img src={image.thumbnail_url} alt="" loading="lazy" />
        </button>
      ))}
    </aside>
  );
}

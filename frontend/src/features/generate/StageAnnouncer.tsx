import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';

import type { StageView } from './stage';

/** Tells screen readers how a job goes: when it starts, at every quarter and when it ends. */
export function StageAnnouncer({ view }: { view: StageView }) {
  const { t } = useTranslation();
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {announcement(view, t)}
    </div>
  );
}

function announcement(view: StageView, t: TFunction): string {
  switch (view.type) {
    case 'empty':
    case 'failed': // it is an alert by itself
      return '';
    case 'images':
      return t('stage.ready', { prompt: view.images[view.index]?.prompt ?? '' });
    case 'active': {
      const { state, position, progress } = view.job;
      if (state !== 'running') return position === null ? t('stage.queued') : t('stage.position', { position });
      const { step, total } = progress ?? { step: 0, total: 0 };
      const quarter = total > 0 ? Math.floor((4 * step) / total) * 25 : 0;
      return t('stage.quarter', { percent: quarter });
    }
  }
}

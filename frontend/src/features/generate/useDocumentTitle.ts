import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';

import { useJobs } from '../../lib/jobsStore';

/** «42 % · Portal» while a job runs, so that another tab of the browser can be used meanwhile. */
export function useDocumentTitle(): void {
  const { t } = useTranslation();
  const percent = useJobs(({ jobs, order }) => {
    const running = order.map((id) => jobs[id]).find((job) => job?.state === 'running');
    if (!running) return null;
    const { step = 0, total = 0 } = running.progress ?? {};
    return total > 0 ? Math.round((100 * step) / total) : 0;
  });
  useEffect(() => {
    document.title = percent === null ? t('app.name') : `${percent} % · ${t('app.name')}`;
    return () => {
      document.title = t('app.name');
    };
  }, [percent, t]);
}

import { useTranslation } from 'react-i18next';

import { formatDuration } from './format';
import { remainingSeconds, type JobView } from './jobs';
import { useNow } from './useNow';

export interface JobStatus {
  /** What the job is doing: «Step 17 / 25», «Position 3». */
  line: string;
  /** «about 4 s left», or empty when nobody knows. */
  eta: string;
  /** 0 to 100. */
  percent: number;
}

/** What a worker does besides denoising, by the words of the wire. */
const PHASES = new Set(['loading', 'preparing', 'preprocessing', 'decoding', 'upscaling', 'restoring', 'detailing']);

/** A job in words, counting down by itself. */
export function useJobStatus(job: JobView): JobStatus {
  const { t } = useTranslation();
  const now = useNow(job.state === 'running' || job.state === 'queued');
  const seconds = remainingSeconds(job, now);
  const duration = seconds === null ? '' : formatDuration(t, seconds);
  const eta = duration && t('stage.left', { duration });
  const { step, total, status } = job.progress ?? { step: 0, total: 0, status: '' };
  const percent = total > 0 ? Math.min(100, Math.round((100 * step) / total)) : 0;
  if (job.state === 'running') {
    const isStepping = total > 0 && !PHASES.has(status);
    const phase = PHASES.has(status) ? `stage.${status}` : 'stage.starting';
    return { line: isStepping ? t('stage.step', { step, total }) : t(phase), eta, percent };
  }
  if (job.state === 'held') return { line: t('stage.held'), eta, percent };
  const line = job.position === null ? t('stage.queued') : t('stage.position', { position: job.position });
  return { line, eta: duration && t('stage.startsIn', { duration }), percent };
}

import { Loader, Progress } from '@mantine/core';
import { IconHourglass } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../../api/types';
import type { JobView } from '../../lib/jobs';
import { useJobStatus } from '../../lib/useJobStatus';
import { Art } from './Art';
import { gridColumns } from './stage';
import classes from './StagePane.module.css';

interface ActiveStageProps {
  job: JobView;
  /** The picture before, shown faintly until the first preview. */
  under: Image | undefined;
}

/** A job that waits or runs. */
export function ActiveStage({ job, under }: ActiveStageProps) {
  const { t } = useTranslation();
  const { line, eta, percent } = useJobStatus(job);
  const { width, height, batch_size: count, prompt } = job.params;
  const columns = gridColumns(count);
  const rows = Math.ceil(count / columns);
  const isRunning = job.state === 'running';
  return (
    <>
      <Art width={width * columns} height={height * rows}>
        {under && <img src={under.thumbnail_url} alt="" className={classes.under} />}
        {job.previewUrl ? (
          <img src={job.previewUrl} alt={t('stage.previewAlt', { prompt })} />
        ) : (
          <div className={classes.waiting}>
            {isRunning ? <Loader size="md" /> : <IconHourglass size={32} stroke={1.5} aria-hidden />}
            <span>{line}</span>
          </div>
        )}
      </Art>
      <div className={classes.panel}>
        <div className={classes.line}>
          <span>{line}</span>
          <span>{eta}</span>
        </div>
        <Progress
          value={percent}
          size={6}
          radius="xl"
          animated={isRunning && percent === 0}
          aria-label={t('stage.progress')}
          color="var(--fill)"
        />
        <div className={classes.line} style={{ marginTop: 10 }}>
          <span style={{ color: 'var(--muted)' }}>{prompt}</span>
          <span>
            {width} × {height}
            {count > 1 && ` · ${t('stage.count', { count })}`}
          </span>
        </div>
      </div>
    </>
  );
}

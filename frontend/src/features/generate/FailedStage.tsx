import { Button, Group } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { errorText } from '../../lib/errorText';
import { retryJob } from '../../lib/jobActions';
import type { JobView } from '../../lib/jobs';
import { useJobs } from '../../lib/jobsStore';
import classes from './StagePane.module.css';
import { useGenerate } from './useGenerate';

/** A job that failed: what happened, what to try, and buttons that do it. */
export function FailedStage({ job }: { job: JobView }) {
  const { t } = useTranslation();
  const { generate } = useGenerate();
  const { message, hint } = errorText(t, job.error);
  const isTooLarge = job.error?.code === 'out_of_memory' && Math.max(job.params.width, job.params.height) > 512;
  return (
    <div className={classes.message} role="alert">
      <IconAlertTriangle size={40} stroke={1.5} color="var(--err)" aria-hidden />
      <h2>{message}</h2>
      {hint && <p>{hint}</p>}
      <Group justify="center" gap="sm" mt="sm">
        {isTooLarge && (
          <Button onClick={() => void generate({ width: 512, height: 512, customSize: false })}>
            {t('stage.smaller')}
          </Button>
        )}
        <Button variant={isTooLarge ? 'default' : 'filled'} onClick={() => void retryJob(job)}>
          {t('common.retry')}
        </Button>
        <Button variant="default" onClick={() => useJobs.getState().dispatch({ type: 'forget', jobId: job.id })}>
          {t('stage.dismiss')}
        </Button>
      </Group>
      {job.error && <code>{job.error.code}</code>}
    </div>
  );
}

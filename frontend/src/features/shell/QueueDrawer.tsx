import { ActionIcon, Button, Drawer, Progress, Text, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconHourglass, IconStack2, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { isFinished, type JobView } from '../../lib/jobs';
import { useActiveJobs } from '../../lib/jobsStore';
import { cancelJob } from '../../lib/jobActions';
import { useJobStatus } from '../../lib/useJobStatus';
import { PHONE_QUERY } from '../../theme';
import classes from './QueueDrawer.module.css';

interface QueueDrawerProps {
  opened: boolean;
  onClose: () => void;
}

/** My unfinished jobs, the next one first. */
export function QueueDrawer({ opened, onClose }: QueueDrawerProps) {
  const { t } = useTranslation();
  const jobs = useActiveJobs();
  const isPhone = useMediaQuery(PHONE_QUERY);
  return (
    <Drawer
      opened={opened}
      onClose={onClose}
      position={isPhone ? 'bottom' : 'right'}
      size={isPhone ? '75%' : 380}
      title={<span className={classes.title}>{t('queue.title')}</span>}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {jobs.length === 0 ? (
        <div className={classes.empty}>
          <IconStack2 size={32} stroke={1.5} aria-hidden />
          <Text fw={600}>{t('queue.empty')}</Text>
          <Text size="sm" c="dimmed">
            {t('queue.emptyHint')}
          </Text>
        </div>
      ) : (
        <ol className={classes.list}>
          {jobs.map((job) => (
            <QueueRow key={job.id} job={job} />
          ))}
        </ol>
      )}
      {jobs.length > 1 && (
        <Button variant="default" fullWidth mt="lg" onClick={() => jobs.forEach(({ id }) => void cancelJob(id))}>
          {t('queue.cancelAll')}
        </Button>
      )}
    </Drawer>
  );
}

function QueueRow({ job }: { job: JobView }) {
  const { t } = useTranslation();
  const { line, eta, percent } = useJobStatus(job);
  return (
    <li className={classes.row}>
      <span className={classes.thumb}>
        {job.previewUrl ? <img src={job.previewUrl} alt="" /> : <IconHourglass size={20} stroke={1.5} aria-hidden />}
      </span>
      <div className={classes.body}>
        <Text size="sm" fw={500} truncate title={job.params.prompt}>
          {job.params.prompt}
        </Text>
        <Text size="xs" c="dimmed" className="tabular">
          {eta ? `${line} · ${eta}` : line}
        </Text>
        {job.state === 'running' && <Progress value={percent} size={4} mt={6} aria-label={t('stage.progress')} />}
      </div>
      <Tooltip label={t('common.cancel')}>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={isFinished(job)}
          aria-label={t('queue.cancelOne', { prompt: job.params.prompt })}
          onClick={() => void cancelJob(job.id)}
        >
          <IconX size={18} stroke={1.75} />
        </ActionIcon>
      </Tooltip>
    </li>
  );
}

import { Button } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconStack2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { formatClock } from '../../lib/format';
import { remainingSeconds } from '../../lib/jobs';
import { useActiveJobs } from '../../lib/jobsStore';
import { useNow } from '../../lib/useNow';
import { PHONE_QUERY } from '../../theme';
import classes from './TopBar.module.css';

/** How many of my jobs are unfinished and how long the last of them will take; opens the queue. */
export function QueueButton({ onClick }: { onClick: () => void }) {
  const { t } = useTranslation();
  const jobs = useActiveJobs();
  const isPhone = useMediaQuery(PHONE_QUERY, undefined, { getInitialValueInEffect: false });
  const now = useNow(jobs.length > 0);
  const remaining = jobs.map((job) => remainingSeconds(job, now)).filter((seconds) => seconds !== null);
  const label = t('queue.count', { count: jobs.length });
  return (
    <Button
      variant="subtle"
      className={classes.queue}
      px="sm"
      data-active={jobs.length > 0 || undefined}
      onClick={onClick}
      aria-label={isPhone ? label : undefined}
      leftSection={<IconStack2 size={18} stroke={1.75} aria-hidden />}
    >
      <span className="tabular">
        {isPhone ? jobs.length : label}
        {!isPhone && remaining.length > 0 && ` · ${formatClock(Math.max(...remaining))}`}
      </span>
    </Button>
  );
}

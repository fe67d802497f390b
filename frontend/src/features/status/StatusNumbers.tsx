import { Box, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import type { Fleet } from '../../api/types';
import { formatDuration, formatMoment } from '../../lib/format';
import { PausedNotice } from '../queue/PausedNotice';
import { Block } from '../settings/Block';
import { Figure } from './Figure';
import classes from './StatusPage.module.css';

/** The notice of a paused queue, with whose hand it was and since when, as far as that is known. */
function Paused({ queue }: { queue: Fleet['queue'] }) {
  const { t, i18n } = useTranslation();
  const since = queue.since && formatMoment(queue.since, i18n.language);
  return (
    <PausedNotice reason={queue.reason}>
      {since && (
        <Text size="sm" c="dimmed">
          {queue.paused_by
            ? t('status.pausedBy', { name: queue.paused_by, since })
            : t('status.pausedSince', { since })}
        </Text>
      )}
    </PausedNotice>
  );
}

/** The queue and what gets done, in numbers. */
export function StatusNumbers({ fleet }: { fleet: Fleet }) {
  const { t, i18n } = useTranslation();
  const { queue, rates, errors } = fleet;
  const number = new Intl.NumberFormat(i18n.language);
  const failed = errors.reduce((sum, { count }) => sum + count, 0);
  return (
    <Block title={t('status.queue')}>
      {queue.paused && (
        <Box mb="md">
          <Paused queue={queue} />
        </Box>
      )}
      <dl className={classes.numbers}>
        <Figure label={t('status.waiting')} value={number.format(queue.waiting)} />
        <Figure label={t('status.running')} value={number.format(queue.running)} />
        <Figure label={t('status.held')} value={number.format(queue.held)} />
        <Figure
          label={t('status.oldest')}
          value={queue.oldest_wait_seconds === null ? t('status.nobody') : formatDuration(t, queue.oldest_wait_seconds)}
        />
        <Figure label={t('status.pictures')} value={number.format(rates.pictures_per_minute)} />
        <Figure label={t('status.jobs')} value={number.format(rates.jobs_per_hour)} />
        <Figure label={t('status.batch')} value={number.format(rates.mean_batch)} />
        <Figure label={t('status.failed')} value={number.format(failed)} isBad={failed > 0} />
      </dl>
      {errors.length > 0 && (
        <ul className={classes.errors}>
          {errors.map(({ code, count }) => (
            <li key={code}>
              <code>{code}</code> <span className="tabular">{t('status.times', { count })}</span>
            </li>
          ))}
        </ul>
      )}
    </Block>
  );
}

import { Alert, Button, Center, Loader, Progress, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';

import { api, queryKeys } from '../../api/client';
import type { LimitCount, MyLimits } from '../../api/types';
import { errorText } from '../../lib/errorText';
import { Block } from './Block';
import classes from './LimitsSection.module.css';

const COUNTED = ['gpu_seconds_per_day', 'jobs_waiting', 'jobs_running', 'pictures', 'stored_mb'] as const;
const REFRESH_MS = 15_000;

/** What I may use, and what I have used of it. */
export default function LimitsSection() {
  const { t } = useTranslation();
  // The form keeps what it knows of the limits; here the usage of this moment is wanted.
  const query = useQuery({
    queryKey: queryKeys.myLimits,
    queryFn: api.myLimits,
    refetchInterval: REFRESH_MS,
    staleTime: 0,
  });
  if (query.isPending) {
    return (
      <Center py={48}>
        <Loader size="sm" aria-label={t('common.loading')} />
      </Center>
    );
  }
  if (query.isError) {
    const { message, hint } = errorText(t, query.error);
    return (
      <Alert color="red" title={message} icon={<IconAlertTriangle aria-hidden />}>
        <Text size="sm">{hint}</Text>
        <Button variant="default" mt="sm" onClick={() => void query.refetch()}>
          {t('common.retry')}
        </Button>
      </Alert>
    );
  }
  return <LimitBlocks limits={query.data} />;
}

function LimitBlocks({ limits }: { limits: MyLimits }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  const said = (value: number | null) => (value === null ? t('limits.none') : number.format(value));
  return (
    <>
      {!limits.may_generate && (
        <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title={t('limits.mayNot')}>
          {t('limits.mayNotHint')}
        </Alert>
      )}
      <Block title={t('limits.use')} lead={t('limits.useLead')}>
        <div className={classes.bars}>
          {COUNTED.map((name) => (
            <Bar key={name} label={t(`limits.counts.${name}`)} count={limits[name]} />
          ))}
        </div>
      </Block>
      <Block title={t('limits.each')} lead={t('limits.eachLead')}>
        <dl className={classes.facts}>
          <dt>{t('limits.largestSide')}</dt>
          <dd>{limits.largest_side === null ? t('limits.none') : t('limits.pixels', { side: limits.largest_side })}</dd>
          <dt>{t('limits.steps')}</dt>
          <dd>{said(limits.steps)}</dd>
          <dt>{t('limits.weight')}</dt>
          <dd>{t('limits.times', { weight: number.format(limits.weight) })}</dd>
        </dl>
      </Block>
      <Block title={t('limits.kept')}>
        <p className={classes.kept}>
          {limits.picture_days === null
            ? t('limits.keptForever')
            : t('limits.keptDays', { count: limits.picture_days })}{' '}
          {t('limits.trashDays', { count: limits.trash_days })}
        </p>
      </Block>
    </>
  );
}

function Bar({ label, count }: { label: string; count: LimitCount }) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  const time = new Intl.DateTimeFormat(i18n.language, { weekday: 'short', hour: '2-digit', minute: '2-digit' });
  const { limit, used, ahead = 0, resets_at: resetsAt } = count;
  const text = {
    used: number.format(used),
    limit: limit === null ? '' : number.format(limit),
    ahead: number.format(ahead),
  };
  return (
    <div>
      <div className={classes.head}>
        <span id={id} className={classes.label}>
          {label}
        </span>
        <span className={classes.figures}>{t(limit === null ? 'limits.usedFree' : 'limits.usedOf', text)}</span>
      </div>
      {limit !== null && (
        <Progress.Root size={8} radius="xl">
          <Progress.Section
            value={share(used, limit)}
            color={used >= limit ? 'var(--warn)' : 'var(--fill)'}
            aria-labelledby={id}
            aria-valuetext={t('limits.usedOf', text)}
          />
          {ahead > 0 && (
            <Progress.Section
              value={Math.min(share(ahead, limit), 100 - share(used, limit))}
              color="var(--fill)"
              striped
              aria-labelledby={id}
              aria-valuetext={t('limits.ahead', text)}
            />
          )}
        </Progress.Root>
      )}
      <div className={classes.notes}>
        {ahead > 0 && <span>{t('limits.ahead', text)}</span>}
        {limit !== null && resetsAt && <span>{t('limits.resets', { time: time.format(new Date(resetsAt)) })}</span>}
      </div>
    </div>
  );
}

/** Percent. */
function share(value: number, limit: number): number {
  return limit > 0 ? Math.min(100, (value / limit) * 100) : 100;
}

import { Progress, Switch } from '@mantine/core';
import type { TFunction } from 'i18next';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';

import type { WorkerStatus } from '../../api/types';
import { formatDuration, formatMoment } from '../../lib/format';
import { Figure } from './Figure';
import classes from './StatusPage.module.css';

const FULL_PERCENT = 92;

interface WorkerCardProps {
  worker: WorkerStatus;
  /** Absent where the person may only look. */
  onSwitch?: ((accepts: boolean) => void) | undefined;
  isSwitching: boolean;
}

/** One GPU worker: its device, its memory, what it has loaded and what it does. */
export function WorkerCard({ worker, onSwitch, isSwitching }: WorkerCardProps) {
  const { t } = useTranslation();
  const id = useId();
  const { name, accepts } = worker;
  return (
    <li className={classes.card} aria-labelledby={id} data-gone={!worker.alive || undefined}>
      <div className={classes.cardHead}>
        <div className={classes.cardName}>
          <h3 id={id}>{name}</h3>
          <p>{worker.device_name || worker.device}</p>
        </div>
        <State worker={worker} />
      </div>
      <Memory worker={worker} />
      <Models worker={worker} />
      <Counters worker={worker} />
      {onSwitch && (
        <Switch
          mt="auto"
          label={t('status.takes')}
          aria-label={t('status.takesOf', { name })}
          checked={accepts}
          disabled={isSwitching}
          onChange={(event) => onSwitch(event.currentTarget.checked)}
        />
      )}
    </li>
  );
}

function stateOf({ alive, accepts, jobs_running }: WorkerStatus): 'taking' | 'draining' | 'drained' | 'gone' {
  if (!alive) return 'gone';
  if (accepts) return 'taking';
  return jobs_running > 0 ? 'draining' : 'drained';
}

function State({ worker }: { worker: WorkerStatus }) {
  const { t } = useTranslation();
  const state = stateOf(worker);
  return (
    <span className={classes.state} data-state={state}>
      {t(`status.state.${state}`)}
    </span>
  );
}

function Memory({ worker }: { worker: WorkerStatus }) {
  const { t, i18n } = useTranslation();
  const { memory_total_mb: total, memory_used_mb: used } = worker;
  if (total === 0) return null;
  const size = (mebibytes: number) => gigabytes(mebibytes, i18n.language);
  const percent = Math.min(100, (100 * used) / total);
  return (
    <div>
      <div className={classes.line}>
        <span>{t('status.memory')}</span>
        <span className="tabular">{t('status.of', { used: size(used), total: size(total) })}</span>
      </div>
      <Progress
        value={percent}
        size={6}
        mt={6}
        {...(percent > FULL_PERCENT && { color: 'yellow' })}
        aria-label={t('status.memoryOf', { name: worker.name })}
      />
    </div>
  );
}

function Models({ worker }: { worker: WorkerStatus }) {
  const { t } = useTranslation();
  return (
    <div>
      <p className={classes.line}>{t('status.models')}</p>
      {worker.models.length === 0 ? (
        <p className={classes.none}>{t('status.noModels')}</p>
      ) : (
        <ul className={classes.models}>
          {worker.models.map((model) => (
            <li key={model}>{model}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Counters({ worker }: { worker: WorkerStatus }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language);
  return (
    <dl className={classes.counters}>
      <Figure
        label={t('status.inHand')}
        value={t('status.of', { used: number.format(worker.jobs_running), total: number.format(worker.slots) })}
      />
      <Figure label={t('status.done')} value={number.format(worker.jobs_done)} />
      <Figure label={t('status.errors')} value={number.format(worker.errors)} isBad={worker.errors > 0} />
      <Figure label={t('status.tick')} value={t('status.milliseconds', { value: number.format(worker.tick_ms) })} />
      <Figure label={t('status.batch')} value={number.format(worker.mean_batch)} />
      <Figure label={t('status.loads')} value={number.format(worker.loads)} />
      <Figure label={t('status.deviceTime')} value={deviceTime(t, worker.device_seconds)} />
      <Figure label={t('status.since')} value={formatMoment(worker.started_at, i18n.language)} />
      {!worker.alive && <Figure label={t('status.seen')} value={formatMoment(worker.seen_at, i18n.language)} isBad />}
    </dl>
  );
}

/** As cards are sold: 24564 MiB are 24 GB. */
function gigabytes(mebibytes: number, language: string): string {
  const value = mebibytes / 1024;
  const format = { style: 'unit', unit: 'gigabyte', maximumFractionDigits: value < 10 ? 1 : 0 } as const;
  return new Intl.NumberFormat(language, format).format(value);
}

function deviceTime(t: TFunction, seconds: number): string {
  return seconds < 1 ? t('status.none') : formatDuration(t, seconds);
}

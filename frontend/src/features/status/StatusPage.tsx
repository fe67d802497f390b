import { Button, Center, Loader } from '@mantine/core';
import { Navigate } from '@tanstack/react-router';
import { IconCloudOff, IconServerOff } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import type { Fleet } from '../../api/types';
import { CopyButton } from '../../components/CopyButton';
import { errorText } from '../../lib/errorText';
import { useSession } from '../shell/sessionContext';
import { StatusNumbers } from './StatusNumbers';
import { WorkerCard } from './WorkerCard';
import { maySeeStatus, maySwitchWorkers } from './access';
import classes from './StatusPage.module.css';
import { useFleet, useWorkerSwitch } from './useFleet';

const START_COMMAND = './run worker';

/** For those who look after the machines: workers, queue and rates. */
export default function StatusPage() {
  const { user } = useSession();
  if (!maySeeStatus(user)) return <Navigate to="/" replace />;
  return <Status maySwitch={maySwitchWorkers(user)} />;
}

function Status({ maySwitch }: { maySwitch: boolean }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useFleet();
  return (
    <div className={classes.page}>
      <h1 className={classes.title}>{t('status.title')}</h1>
      {data && error && <p role="alert">{t('status.stale')}</p>}
      {data ? (
        <>
          <StatusNumbers fleet={data} />
          <Workers fleet={data} maySwitch={maySwitch} />
        </>
      ) : error ? (
        <Failed error={error} onRetry={() => void refetch()} />
      ) : (
        <Center py={64}>
          <Loader size="sm" aria-label={t('common.loading')} />
        </Center>
      )}
    </div>
  );
}

function Workers({ fleet, maySwitch }: { fleet: Fleet; maySwitch: boolean }) {
  const { t } = useTranslation();
  const change = useWorkerSwitch();
  const alive = fleet.workers.filter((worker) => worker.alive).length;
  return (
    <section aria-labelledby="status-workers">
      <h2 id="status-workers" className={classes.heading}>
        {t('status.workers')}
      </h2>
      {alive === 0 && <NobodyWorks />}
      <ul className={classes.cards}>
        {fleet.workers.map((worker) => (
          <WorkerCard
            key={worker.name}
            worker={worker}
            isSwitching={change.isPending && change.variables.name === worker.name}
            onSwitch={maySwitch ? (accepts) => change.mutate({ name: worker.name, accepts }) : undefined}
          />
        ))}
      </ul>
    </section>
  );
}

function NobodyWorks() {
  const { t } = useTranslation();
  return (
    <div className={classes.empty}>
      <IconServerOff size={32} stroke={1.5} aria-hidden />
      <h3>{t('status.empty')}</h3>
      <p>{t('status.emptyHint')}</p>
      <p className={classes.command}>
        <code>{START_COMMAND}</code>
        <CopyButton text={START_COMMAND} label={t('status.copyCommand')} />
      </p>
    </div>
  );
}

function Failed({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const { t } = useTranslation();
  const { message, hint } = errorText(t, error);
  return (
    <div className={classes.empty} role="alert">
      <IconCloudOff size={32} stroke={1.5} aria-hidden />
      <h2>{message}</h2>
      {hint && <p>{hint}</p>}
      <Button variant="default" onClick={onRetry}>
        {t('common.retry')}
      </Button>
    </div>
  );
}

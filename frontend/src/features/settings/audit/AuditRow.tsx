import { useTranslation } from 'react-i18next';

import { formatRelative } from '../../../lib/relativeTime';
import { useNow } from '../../../lib/useNow';
import classes from './audit.module.css';
import type { AuditEntry } from './auditApi';

/** One entry: who did what, when, to what; more when it is opened. */
export function AuditRow({ entry }: { entry: AuditEntry }) {
  const { t, i18n } = useTranslation();
  const now = useNow(false);
  const at = Date.parse(entry.at);
  const isFailure = entry.action.endsWith('.failed');
  return (
    <li className={classes.entry}>
      <details>
        <summary className={classes.summary}>
          <span className={classes.action} data-failed={isFailure || undefined}>
            {t(`settings.audit.actions.${entry.action.replace('.', '_')}`, { defaultValue: entry.action })}
          </span>
          <span className={classes.actor}>{entry.actor || t(`settings.audit.via.${entry.via}`)}</span>
          <span className={classes.target}>{entry.target_name}</span>
          <time className={classes.time} dateTime={entry.at} title={new Date(at).toLocaleString(i18n.language)}>
            {formatRelative(i18n.language, at, now)}
          </time>
        </summary>
        <dl className={classes.details}>
          <Fact name={t('settings.audit.at')} value={new Date(at).toLocaleString(i18n.language)} />
          <Fact name={t('settings.audit.action')} value={entry.action} />
          <Fact name={t('settings.audit.target')} value={entry.target} />
          <Fact name={t('settings.audit.by')} value={t(`settings.audit.via.${entry.via}`)} />
          <Fact name={t('settings.audit.address')} value={entry.address ?? ''} />
          <Fact
            name={t('settings.audit.details')}
            value={Object.keys(entry.details).length > 0 ? JSON.stringify(entry.details, null, 2) : ''}
          />
        </dl>
      </details>
    </li>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  if (!value) return null;
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

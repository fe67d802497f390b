import { api, queryKeys } from '../../../api/client';
import { serverUrl } from '../../../lib/server';

export type AuditPage = Awaited<ReturnType<typeof api.audit>>;
export type AuditEntry = AuditPage['items'][number];

export interface AuditFilter {
  /** An action or its beginning. */
  action: string;
  actor: string;
  /** Days of the calendar, `2026-01-31`, in the time of this browser; empty: no bound. */
  since: string;
  until: string;
}

export const NO_FILTER: AuditFilter = { action: '', actor: '', since: '', until: '' };

/** Beginnings of actions that can be chosen, in the order of the list. */
export const KINDS = [
  'signin.',
  'signout.',
  'password.',
  'email.',
  'factor.',
  'sso.',
  'session.',
  'token.',
  'user.',
  'group.',
  'permission.',
  'limits.',
  'site.',
  'model.',
  'queue.',
  'job.',
  'worker.',
  'admin.',
] as const;

export const auditKey = (filter: AuditFilter) => [...queryKeys.account, 'audit', filter] as const;

export function audit(filter: AuditFilter, cursor: string | null): Promise<AuditPage> {
  return api.audit({ ...query(filter), cursor });
}

/** Where the same entries come as a table. */
export function csvAddress(filter: AuditFilter): string {
  const said = Object.entries(query(filter)).filter(([, value]) => value !== '');
  return serverUrl(`/api/v1/audit/csv?${new URLSearchParams(said).toString()}`);
}

function query({ action, actor, since, until }: AuditFilter) {
  return { action, actor: actor.trim(), since: dayStart(since, 0), until: dayStart(until, 1) };
}

/** The moment at which a day begins, so many days later; empty for none. */
export function dayStart(day: string, later: number): string {
  const [year, month, date] = day.split('-').map(Number);
  if (year === undefined || month === undefined || date === undefined) return '';
  return new Date(year, month - 1, date + later).toISOString();
}

/** Where this person is signed in. */

import { queryKeys } from '../../../api/client';
import { callAuth } from '../../auth/allauth';
import { proved } from '../../auth/reauth';

export interface BrowserSession {
  id: number;
  user_agent: string;
  ip: string;
  /** Seconds since 1970. */
  created_at: number;
  last_seen_at?: number;
  is_current: boolean;
}

export const sessionsKey = [...queryKeys.account, 'sessions'] as const;

/** The one that asks first, then the last seen. */
export async function sessions(): Promise<BrowserSession[]> {
  const { data } = await callAuth<BrowserSession[]>('GET', 'auth/sessions');
  return data.sort((a, b) => Number(b.is_current) - Number(a.is_current) || lastSeen(b) - lastSeen(a));
}

export async function endSessions(ids: readonly number[]): Promise<void> {
  await proved(() => callAuth('DELETE', 'auth/sessions', { body: { sessions: ids } }));
}

export function lastSeen({ last_seen_at, created_at }: BrowserSession): number {
  return last_seen_at ?? created_at;
}

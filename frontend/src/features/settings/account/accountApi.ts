/** Addresses and connected accounts of the person who is signed in. */

import { queryKeys } from '../../../api/client';
import { callAuth } from '../../auth/allauth';
import { proved } from '../../auth/reauth';
import type { Provider } from '../../auth/session';

export interface EmailAddress {
  email: string;
  verified: boolean;
  primary: boolean;
}

export interface ConnectedAccount {
  uid: string;
  provider: Provider;
  display: string;
}

export const emailsKey = [...queryKeys.account, 'emails'] as const;
export const connectedKey = [...queryKeys.account, 'connected'] as const;
export const hasPasswordKey = [...queryKeys.account, 'has-password'] as const;

/** The one in use first. */
export async function emails(): Promise<EmailAddress[]> {
  const { data } = await callAuth<EmailAddress[]>('GET', 'account/email');
  return data.sort((a, b) => Number(b.primary) - Number(a.primary));
}

export async function addEmail(email: string): Promise<void> {
  await proved(() => callAuth('POST', 'account/email', { body: { email } }));
}

/** Sends the verification mail once more. */
export async function resendEmail(email: string): Promise<void> {
  await callAuth('PUT', 'account/email', { body: { email } });
}

export async function makePrimary(email: string): Promise<void> {
  await proved(() => callAuth('PATCH', 'account/email', { body: { email, primary: true } }));
}

export async function removeEmail(email: string): Promise<void> {
  await proved(() => callAuth('DELETE', 'account/email', { body: { email } }));
}

export async function connectedAccounts(): Promise<ConnectedAccount[]> {
  return (await callAuth<ConnectedAccount[]>('GET', 'account/providers')).data;
}

export async function disconnect({ provider, uid }: ConnectedAccount): Promise<void> {
  await proved(() => callAuth('DELETE', 'account/providers', { body: { provider: provider.id, account: uid } }));
}

/** False for people who came by single sign-on and never set one. */
export async function hasPassword(): Promise<boolean> {
  const { data } = await callAuth<{ user?: { has_usable_password?: boolean } }>('GET', 'auth/session');
  return data.user?.has_usable_password ?? true;
}

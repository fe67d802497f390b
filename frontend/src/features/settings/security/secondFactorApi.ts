/** Second factors of the person who is signed in: app, recovery codes, passkeys. */

import { api, queryKeys } from '../../../api/client';
import { createPasskey, type CreationOptionsJson } from '../../../lib/webauthn';
import { callAuth } from '../../auth/allauth';
import { proved } from '../../auth/reauth';

interface Dates {
  /** Seconds since 1970. */
  created_at: number;
  last_used_at: number | null;
}

export interface Passkey extends Dates {
  type: 'webauthn';
  id: number;
  name: string;
}

export interface TotpFactor extends Dates {
  type: 'totp';
}

export interface RecoveryFactor extends Dates {
  type: 'recovery_codes';
  total_code_count: number;
  unused_code_count: number;
}

export type Authenticator = Passkey | TotpFactor | RecoveryFactor;

export const authenticatorsKey = [...queryKeys.account, 'authenticators'] as const;

const PATH = 'account/authenticators';

export async function authenticators(): Promise<Authenticator[]> {
  return (await callAuth<Authenticator[]>('GET', PATH)).data;
}

export interface TotpKey {
  /** The key as an app takes it when it is typed. */
  secret: string;
  /** The same as a QR code. */
  svg: string;
}

/** Begins the set-up of an app: every call makes another key. */
export async function beginTotp(): Promise<TotpKey> {
  // 404: there is none yet, and this is a key for one.
  const { meta } = await proved(() => callAuth('GET', `${PATH}/totp`, { accept: [404] }));
  const { svg } = await api.totpPicture();
  return { secret: String(meta.secret), svg };
}

/** Ends the set-up with a code that the app shows. */
export async function activateTotp(code: string): Promise<void> {
  await proved(() => callAuth('POST', `${PATH}/totp`, { body: { code } }));
}

export async function removeTotp(): Promise<void> {
  await proved(() => callAuth('DELETE', `${PATH}/totp`));
}

interface Codes {
  unused_codes?: string[];
}

/** The codes that came with the first factor: shown this once, empty later. */
export async function recoveryCodes(): Promise<string[]> {
  const { data } = await proved(() => callAuth<Codes | undefined>('GET', `${PATH}/recovery-codes`, { accept: [404] }));
  return data?.unused_codes ?? [];
}

/** Makes new codes; the old ones are worth nothing afterwards. */
export async function newRecoveryCodes(): Promise<string[]> {
  const { data } = await proved(() => callAuth<Codes>('POST', `${PATH}/recovery-codes`, { body: {} }));
  return data.unused_codes ?? [];
}

/** Has the browser make a passkey and stores it. Throws `PasskeyError`. */
export async function addPasskey(name: string): Promise<void> {
  const { data } = await proved(() =>
    callAuth<{ creation_options: { publicKey: CreationOptionsJson } }>('GET', `${PATH}/webauthn?passwordless`),
  );
  const credential = await createPasskey(data.creation_options.publicKey);
  await proved(() => callAuth('POST', `${PATH}/webauthn`, { body: { name, credential } }));
}

export async function renamePasskey(id: number, name: string): Promise<void> {
  await proved(() => callAuth('PUT', `${PATH}/webauthn`, { body: { id, name } }));
}

export async function removePasskey(id: number): Promise<void> {
  await proved(() => callAuth('DELETE', `${PATH}/webauthn`, { body: { authenticators: [id] } }));
}

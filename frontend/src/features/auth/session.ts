/** Becoming signed in and out: each call answers with the step that is left, or null when somebody is signed in. */

import { ApiError } from '../../api/errors';
import { csrfToken } from '../../api/http';
import { getPasskey, type RequestOptionsJson } from '../../lib/webauthn';
import { serverUrl } from '../../lib/server';
import { AuthError, FlowsError, callAuth, type AuthAnswer, type Flow } from './allauth';

export interface Provider {
  id: string;
  name: string;
}

export interface EntryConfig {
  providers: readonly Provider[];
  /** Whether an address is verified by a code that is typed, not by a link. */
  verifiesByCode: boolean;
}

/** What the sign-in page offers. */
export async function entryConfig(): Promise<EntryConfig> {
  const { data } = await callAuth<{
    account?: { email_verification_by_code_enabled?: boolean };
    socialaccount?: { providers?: Provider[] };
  }>('GET', 'config');
  return {
    providers: data.socialaccount?.providers ?? [],
    verifiesByCode: data.account?.email_verification_by_code_enabled === true,
  };
}

/** The step that was left open, by a provider's page or before a reload. */
export function pendingStep(): Promise<Flow | null> {
  return advance(callAuth('GET', 'auth/session'), false);
}

/** Signs in with a user name or an e-mail address. */
export function signIn(login: string, password: string): Promise<Flow | null> {
  return advance(
    callAuth('POST', 'auth/login', { body: { [login.includes('@') ? 'email' : 'username']: login, password } }),
  );
}

/** Makes an account. Throws `ApiError` `registration_closed` while nobody may join. */
export async function signUp(account: { username: string; email: string; password: string }): Promise<Flow | null> {
  const { email, ...rest } = account;
  try {
    return await advance(callAuth('POST', 'auth/signup', { body: email ? { ...rest, email } : rest }));
  } catch (error) {
    throw isForbidden(error) ? new ApiError(403, { code: 'registration_closed' }) : error;
  }
}

export interface ProviderAccount {
  user: { username?: string; email?: string };
  account: { provider: Provider };
  email: { email: string }[];
}

/** Whom a provider has sent, when they have to complete their account. */
export async function providerAccount(): Promise<ProviderAccount> {
  return (await callAuth<ProviderAccount>('GET', 'auth/provider/signup')).data;
}

export function signUpByProvider(account: { username: string; email: string }): Promise<Flow | null> {
  return advance(callAuth('POST', 'auth/provider/signup', { body: account }));
}

/** The second step, with a code of the app or a recovery code. */
export function sendSecondFactor(code: string): Promise<Flow | null> {
  return advance(callAuth('POST', 'auth/2fa/authenticate', { body: { code } }));
}

/** Asks the browser for a passkey: as the whole sign-in, or as the second step of one. */
export async function signInByPasskey(purpose: 'login' | 'authenticate'): Promise<Flow | null> {
  return advance(answerByPasskey(purpose));
}

/** Proves with a passkey; throws `PasskeyError` when there is none or the person says no. */
export async function answerByPasskey(
  purpose: 'login' | 'authenticate' | 'reauthenticate',
): Promise<AuthAnswer<unknown>> {
  const path = `auth/webauthn/${purpose}`;
  const { data } = await callAuth<{ request_options: { publicKey: RequestOptionsJson } }>('GET', path);
  const credential = await getPasskey(data.request_options.publicKey);
  return callAuth('POST', path, { body: { credential } });
}

export function verifyEmailByCode(code: string): Promise<Flow | null> {
  return advance(callAuth('POST', 'auth/email/verify', { body: { key: code } }));
}

export async function resendVerificationCode(): Promise<void> {
  await callAuth('POST', 'auth/email/verify/resend');
}

/** Which address a link verifies. Throws `AuthError` when the link is not good any more. */
export async function verificationAddress(key: string): Promise<string> {
  const headers = { 'X-Email-Verification-Key': key };
  return (await callAuth<{ email: string }>('GET', 'auth/email/verify', { headers })).data.email;
}

export async function verifyEmailByLink(key: string): Promise<void> {
  // 401: verified, and nobody is signed in by that.
  await callAuth('POST', 'auth/email/verify', { body: { key }, accept: [401] });
}

/** Has a link sent to whoever has this address; the answer is the same when nobody has it. */
export async function requestPasswordReset(email: string): Promise<void> {
  await callAuth('POST', 'auth/password/request', { body: { email } });
}

/** Throws `AuthError` when the link is not good any more. */
export async function checkResetKey(key: string): Promise<void> {
  await callAuth('GET', 'auth/password/reset', { headers: { 'X-Password-Reset-Key': key } });
}

export async function resetPassword(key: string, password: string): Promise<void> {
  // 401: changed, and nobody is signed in by that.
  await callAuth('POST', 'auth/password/reset', { body: { key, password }, accept: [401] });
}

export async function signOut(): Promise<void> {
  // 401 is how the API says that nobody is signed in any more.
  await callAuth('DELETE', 'auth/session', { accept: [401] });
}

/**
 * Leaves for the page of a provider: a real form, because the answer is a redirect to another site.
 *
 * `comeBack` is the part after `#` to return to, as `/settings/account`.
 */
export function leaveForProvider(provider: string, process: 'login' | 'connect', comeBack: string): void {
  const form = document.createElement('form');
  form.method = 'POST';
  form.action = serverUrl('_allauth/browser/v1/auth/provider/redirect');
  const values = {
    provider,
    process,
    callback_url: `${serverUrl('')}#${comeBack}`,
    csrfmiddlewaretoken: csrfToken(),
  };
  for (const [name, value] of Object.entries(values)) {
    const input = document.createElement('input');
    input.type = 'hidden';
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

/** What is left to do after a step; `isDemand`: nothing left and nobody signed in is an error. */
async function advance(step: Promise<unknown>, isDemand = true): Promise<Flow | null> {
  try {
    await step;
    return null;
  } catch (error) {
    // 409: somebody is signed in already, in another tab.
    if (error instanceof ApiError && error.status === 409) return null;
    if (!(error instanceof FlowsError)) throw error;
    const pending = error.flows.find((flow) => flow.is_pending);
    if (pending) return pending;
    if (!isDemand) return null;
    throw new AuthError([{ code: 'verification_needed', message: '', param: '' }]);
  }
}

function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}

/** Signing in and out: allauth's headless API for browsers (cookie session). */

import { ApiError } from '../../api/errors';
import { errorFrom, sendJson } from '../../api/http';

const BASE = '_allauth/browser/v1';

interface AllauthError {
  code: string;
  message: string;
  param?: string;
}

/** One thing that is wrong with a form; `param` is empty when it is about the form as a whole. */
export interface AuthProblem {
  code: string;
  message: string;
  param: string;
}

/** A refused form. */
export class AuthError extends Error {
  readonly problems: readonly AuthProblem[];

  constructor(problems: readonly AuthProblem[]) {
    super(problems.map((problem) => problem.message).join(' '));
    this.name = 'AuthError';
    this.problems = problems;
  }
}

/** Signs in with a user name or an e-mail address. Throws `AuthError`, or `ApiError` when there is no answer. */
export async function signIn(login: string, password: string): Promise<void> {
  await post('auth/login', { [login.includes('@') ? 'email' : 'username']: login, password });
}

/** Makes an account and signs in. Throws `AuthError`; `ApiError` 403 when registration is closed. */
export async function signUp(account: { username: string; email: string; password: string }): Promise<void> {
  const { email, ...rest } = account;
  await post('auth/signup', email ? { ...rest, email } : rest);
}

export async function signOut(): Promise<void> {
  // 401 is how the API says that nobody is signed in any more.
  const { status, body } = await sendJson('DELETE', `${BASE}/auth/session`);
  if (status >= 400 && status !== 401) throw errorFrom(status, body);
}

export async function changePassword(current: string, next: string): Promise<void> {
  await post('account/password/change', { current_password: current, new_password: next });
}

async function post(path: string, payload: Record<string, string>): Promise<void> {
  const { status, body } = await sendJson('POST', `${BASE}/${path}`, payload);
  // 409: somebody is signed in already, in another tab.
  if (status < 400 || status === 409) return;
  throw authErrorFrom(status, body);
}

/** The error that a refused answer of allauth stands for. */
export function authErrorFrom(status: number, body: unknown): Error {
  if (status === 429) return new AuthError([{ code: 'too_many_login_attempts', message: '', param: '' }]);
  const errors = (body as { errors?: AllauthError[] } | undefined)?.errors;
  if (Array.isArray(errors) && errors.length > 0) {
    return new AuthError(errors.map(({ code, message, param = '' }) => ({ code, message, param })));
  }
  if (status === 401) return new AuthError([{ code: 'verification_needed', message: '', param: '' }]);
  return status === 403 ? new ApiError(403, { code: 'registration_closed' }) : errorFrom(status, body);
}

/** The transport to allauth's headless API for browsers (cookie session): its answers and its refusals. */

import { ApiError } from '../../api/errors';
import { errorFrom, sendJson } from '../../api/http';

const BASE = '_allauth/browser/v1';

/** A way to become signed in, or the step that is left of one. */
export interface Flow {
  id: string;
  is_pending?: boolean;
  /** Of second factors: which of them this person has. */
  types?: string[];
  provider?: { id: string; name: string };
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
  /** Seconds until another try is worth it; null when the server does not say. */
  readonly retryAfter: number | null;

  constructor(problems: readonly AuthProblem[], retryAfter: number | null = null) {
    super(problems.map((problem) => problem.message).join(' '));
    this.name = 'AuthError';
    this.problems = problems;
    this.retryAfter = retryAfter;
  }
}

/** Something has to be proved first: who one is (not signed in), or that one still is (signed in, long ago). */
export class FlowsError extends ApiError {
  readonly flows: readonly Flow[];
  readonly isAuthenticated: boolean;

  constructor(flows: readonly Flow[], isAuthenticated: boolean) {
    super(401, { code: isAuthenticated ? 'proof_needed' : 'signed_out' });
    this.name = 'FlowsError';
    this.flows = flows;
    this.isAuthenticated = isAuthenticated;
  }
}

interface Body {
  data?: unknown;
  meta?: Record<string, unknown>;
  errors?: { code: string; message: string; param?: string }[];
}

export interface AuthAnswer<T> {
  data: T;
  meta: Record<string, unknown>;
}

interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  /** Statuses from 400 on that are answers here, not refusals. */
  accept?: readonly number[];
}

/** One call. Throws `FlowsError` on 401, `AuthError` for what a person can mend, else `ApiError`. */
export async function callAuth<T = unknown>(
  method: string,
  path: string,
  { body, headers = {}, accept = [] }: CallOptions = {},
): Promise<AuthAnswer<T>> {
  const answer = await sendJson(method, `${BASE}/${path}`, body, headers);
  const { data, meta = {} } = (answer.body ?? {}) as Body;
  if (answer.status < 400 || accept.includes(answer.status)) return { data: data as T, meta };
  throw authErrorFrom(answer.status, answer.body, answer.retryAfter);
}

/** The error that a refused answer of allauth stands for. */
export function authErrorFrom(status: number, body: unknown, retryAfter: number | null = null): Error {
  const { data, meta, errors } = (body ?? {}) as Body;
  if (status === 429) return new AuthError([{ code: 'rate_limited', message: '', param: '' }], retryAfter);
  if (Array.isArray(errors) && errors.length > 0) {
    return new AuthError(errors.map(({ code, message, param = '' }) => ({ code, message, param })));
  }
  if (status === 401) {
    const flows = (data as { flows?: Flow[] } | undefined)?.flows ?? [];
    return new FlowsError(flows, meta?.is_authenticated === true);
  }
  return errorFrom(status, body);
}

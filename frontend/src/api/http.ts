/** One fetch for everything: same-origin cookies, the CSRF header on writes, errors as `ApiError`. */

import { serverUrl } from '../lib/server';
import { ApiError } from './errors';
import type { ErrorBody } from './types';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Django's CSRF token from the cookie; read anew each time because signing in and out replaces it. */
export function csrfToken(cookies: string = document.cookie): string {
  const match = /(?:^|;\s*)(?:__Host-)?csrftoken=([^;]*)/.exec(cookies);
  return match?.[1] ? decodeURIComponent(match[1]) : '';
}

/**
 * `fetch` with the session and the CSRF header.
 *
 * Throws `ApiError("offline")` when the server cannot be reached; any HTTP status is returned as it is.
 */
export async function portalFetch(input: Request): Promise<Response> {
  const request = new Request(input, { credentials: 'same-origin' });
  if (!SAFE_METHODS.has(request.method)) request.headers.set('X-CSRFToken', csrfToken());
  try {
    return await fetch(request);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, { code: 'offline' });
  }
}

export interface JsonAnswer {
  status: number;
  /** Undefined when there is none. */
  body: unknown;
  /** Seconds that the server asks to wait before another try; null when it does not say. */
  retryAfter: number | null;
}

/** Sends JSON to a path of the server and returns the response with its decoded body. */
export async function sendJson(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<JsonAnswer> {
  const init: RequestInit = { method, headers: { Accept: 'application/json', ...headers } };
  if (body !== undefined) {
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  const response = await portalFetch(new Request(serverUrl(path), init));
  const wait = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return { status: response.status, body: await decode(response), retryAfter: Number.isFinite(wait) ? wait : null };
}

/** The error that a refused response stands for; a body that is not the portal's shape still gives a code. */
export function errorFrom(status: number, body: unknown, headers?: Headers): ApiError {
  const known = typeof body === 'object' && body !== null ? (body as Partial<ErrorBody>) : {};
  const retryAfter = Number(headers?.get('Retry-After') ?? 0);
  return new ApiError(
    status,
    {
      ...(typeof known.code === 'string' && { code: known.code }),
      ...(typeof known.message === 'string' && { message: known.message }),
      ...(typeof known.hint === 'string' && { hint: known.hint }),
      ...(typeof known.fields === 'object' && known.fields !== null && { fields: known.fields }),
    },
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : 0,
  );
}

async function decode(response: Response): Promise<unknown> {
  const text = await response.text();
  if (!text) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

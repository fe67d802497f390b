import type { ErrorBody } from './types';

/** A refusal of the server, or no answer at all (`status` 0, code `offline`). */
export class ApiError extends Error implements ErrorBody {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly fields: Record<string, string>;

  /** Seconds after which asking again may help; 0 where the server did not say. */
  readonly retryAfter: number;

  constructor(status: number, body: Partial<ErrorBody>, retryAfter = 0) {
    super(body.message ?? '');
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code ?? `http_${status}`;
    this.hint = body.hint ?? '';
    this.fields = body.fields ?? {};
    this.retryAfter = retryAfter;
  }
}

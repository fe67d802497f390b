import type { ErrorBody } from './types';

/** A refusal of the server, or no answer at all (`status` 0, code `offline`). */
export class ApiError extends Error implements ErrorBody {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly fields: Record<string, string>;

  constructor(status: number, body: Partial<ErrorBody>) {
    super(body.message ?? '');
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code ?? `http_${status}`;
    this.hint = body.hint ?? '';
    this.fields = body.fields ?? {};
  }
}

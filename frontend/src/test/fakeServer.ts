import { vi } from 'vitest';

export interface Reply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Sent {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

type Handler = Reply | ((sent: Sent) => Reply);

/**
 * A `fetch` that answers by `METHOD path` (the part after the server's address); what is not in the table fails the
 * request. Returns what was sent, and the table to change while the test goes on.
 */
export function fakeServer(table: Record<string, Handler>): { sent: Sent[]; table: Record<string, Handler> } {
  const sent: Sent[] = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    const path = `${pathname}${search}`.slice(1).replace('_allauth/browser/v1/', '');
    const text = await request.text();
    const one: Sent = {
      method: request.method,
      path,
      headers: request.headers,
      body: text ? (JSON.parse(text) as unknown) : undefined,
    };
    sent.push(one);
    const found = table[`${one.method} ${path}`];
    if (!found) throw new TypeError(`nothing answers ${one.method} ${path}`);
    const { status = 200, body, headers = {} } = typeof found === 'function' ? found(one) : found;
    return new Response(body === undefined ? null : JSON.stringify(body), { status, headers });
  });
  return { sent, table };
}

/** The answer of somebody who is not signed in, with the step that is left. */
export function pending(...flows: object[]): Reply {
  return {
    status: 401,
    body: { status: 401, data: { flows }, meta: { is_authenticated: false } },
  };
}

import { QueryCache, QueryClient } from '@tanstack/react-query';

import { queryKeys } from './api/client';
import { ApiError } from './api/errors';
import { toastWait } from './lib/toast';

const STALE_MS = 30_000;
const RETRIES = 2;
const RETRY_MS = 1_000;
/** A server that says longer is not waited for: the page shows the error and a button. */
const LONGEST_WAIT_S = 90;

/** True when asking again may help: no answer, a server that is just starting, or too many questions for now. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 429) return error.retryAfter > 0 && error.retryAfter <= LONGEST_WAIT_S;
  return error.status === 0 || error.status >= 502;
}

/** Milliseconds until a question is asked again; says so where that is long. */
export function retryDelay(count: number, error: unknown): number {
  if (!(error instanceof ApiError) || error.status !== 429) return RETRY_MS * 2 ** count;
  toastWait(error.retryAfter);
  return error.retryAfter * 1000;
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      // The session has ended: `me` shows the sign-in page.
      const isSignedOut = error instanceof ApiError && error.status === 401;
      if (isSignedOut && query.queryKey[0] !== queryKeys.me[0]) {
        void queryClient.invalidateQueries({ queryKey: queryKeys.me });
      }
    },
  }),
  defaultOptions: {
    queries: { staleTime: STALE_MS, retry: (count, error) => isTransient(error) && count < RETRIES, retryDelay },
    mutations: { retry: false },
  },
});

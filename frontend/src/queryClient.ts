import { QueryCache, QueryClient } from '@tanstack/react-query';

import { queryKeys } from './api/client';
import { ApiError } from './api/errors';

const STALE_MS = 30_000;

/** True when asking again may help: no answer, or a server that is just starting. */
function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 502);
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
    queries: { staleTime: STALE_MS, retry: (count, error) => isTransient(error) && count < 2 },
    mutations: { retry: false },
  },
});

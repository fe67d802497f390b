import { createContext, use } from 'react';

import type { User } from '../../api/types';

export interface Session {
  user: User;
  version: string;
}

export const SessionContext = createContext<Session | null>(null);

/** Who is signed in; only below `SessionProvider`. */
export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error('useSession needs a SessionProvider above it');
  return session;
}

import { createContext, use } from 'react';

import type { User } from '../../api/types';

export interface Session {
  user: User;
  version: string;
}

export const SessionContext = createContext<Session | null>(null);

/** Permissions beyond one's own things, as `GET /me` names them. */
export type Right = 'generation.jump_queue' | 'generation.manage_queue' | 'generation.view_all_jobs';

/** Whether the signed-in person has a right; nobody has one outside of `SessionProvider`. */
export function useRight(right: Right): boolean {
  return use(SessionContext)?.user.rights.includes(right) ?? false;
}

/** Who is signed in; only below `SessionProvider`. */
export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error('useSession needs a SessionProvider above it');
  return session;
}

import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, type ReactNode } from 'react';

import type { User } from '../../api/types';
import { connectPortal } from '../../lib/jobsStore';
import { openForm } from '../generate/store';
import { SessionContext } from './sessionContext';

interface SessionProviderProps {
  user: User;
  version: string;
  children: ReactNode;
}

/** What lives as long as one person is signed in: the event socket and their own remembered form. */
export function SessionProvider({ user, version, children }: SessionProviderProps) {
  const queryClient = useQueryClient();
  useEffect(() => openForm(String(user.id)), [user.id]);
  useEffect(() => connectPortal({ queryClient }), [queryClient, user.id]);
  const session = useMemo(() => ({ user, version }), [user, version]);
  return <SessionContext value={session}>{children}</SessionContext>;
}

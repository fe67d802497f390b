import { useQuery } from '@tanstack/react-query';

import { api, queryKeys } from '../../api/client';
import type { Me } from '../../api/types';

/** Who is asking and what this server offers; only below `Entrance`, which has asked. */
export function useMe(): Me {
  const { data } = useQuery({ queryKey: queryKeys.me, queryFn: api.me });
  if (!data) throw new Error('useMe needs an Entrance above it');
  return data;
}

import { useQuery } from '@tanstack/react-query';

import { api, queryKeys } from '../../api/client';
import type { Limits, Model, Options } from '../../api/types';
import { DEFAULT_LIMITS, withinMine } from './formState';

const RARELY_CHANGES_MS = 10 * 60_000;

interface Catalogue {
  models: Model[];
  options: Options | undefined;
  limits: Limits;
  /** The models are known: an empty list means that none is installed. */
  isReady: boolean;
}

/** What this server can do, within what the person may. */
export function useCatalogue(): Catalogue {
  const models = useQuery({ queryKey: queryKeys.models, queryFn: api.models });
  const options = useQuery({ queryKey: queryKeys.options, queryFn: api.options, staleTime: RARELY_CHANGES_MS });
  const mine = useQuery({ queryKey: queryKeys.myLimits, queryFn: api.myLimits, staleTime: RARELY_CHANGES_MS });
  return {
    models: models.data?.items ?? [],
    options: options.data,
    limits: withinMine(options.data?.limits ?? DEFAULT_LIMITS, mine.data),
    isReady: models.isSuccess,
  };
}

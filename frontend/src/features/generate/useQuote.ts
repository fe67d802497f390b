import { useDebouncedValue, useThrottledValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { api, queryKeys } from '../../api/client';
import type { Quote } from '../../api/types';
import { useActiveJobs } from '../../lib/jobsStore';
import { currentModel, toRequest, withKnownOptions } from './formState';
import { costKey } from './quote';
import { useForm } from './store';
import { useCatalogue } from './useCatalogue';

/** The person still turns the knobs. */
const SETTLED_MS = 600;
/** A queue that moves fast is not followed step by step. */
const QUEUE_MS = 5_000;
const REFRESH_MS = 30_000;

/** What the form would cost if it were sent now; undefined while nobody knows. */
export function useQuote(): Quote | undefined {
  const { models, options, isReady } = useCatalogue();
  const form = useForm((store) => store.form);
  const model = currentModel(form, models);
  const request = toRequest(withKnownOptions(form, options), model);
  const [cost] = useDebouncedValue(costKey(request), SETTLED_MS);
  const queue = useThrottledValue(useActiveJobs().filter(({ state }) => state !== 'running').length, QUEUE_MS);
  const { data } = useQuery({
    // Of the request only what the cost depends on.
    queryKey: queryKeys.quote(cost, queue),
    queryFn: () => api.quote(request),
    enabled: isReady && model !== undefined,
    placeholderData: keepPreviousData,
    staleTime: QUEUE_MS,
    gcTime: REFRESH_MS,
    refetchInterval: REFRESH_MS,
    // A request that cannot be read is told of when it is sent.
    retry: false,
  });
  return data;
}

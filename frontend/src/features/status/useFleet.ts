import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';

import { api, queryKeys } from '../../api/client';
import type { Fleet } from '../../api/types';
import { toast, toastError } from '../../lib/toast';

const REFRESH_MS = 5000;

/** Workers, queue and rates, asked for anew every five seconds while the page is visible. */
export function useFleet() {
  return useQuery({ queryKey: queryKeys.fleet, queryFn: api.fleet, refetchInterval: REFRESH_MS });
}

interface Switch {
  name: string;
  accepts: boolean;
}

/** Drains a worker or lets it take jobs again; the toast offers the way back. */
export function useWorkerSwitch() {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const mutation = useMutation({
    mutationFn: ({ name, accepts }: Switch) => (accepts ? api.resumeWorker(name) : api.drainWorker(name)),
    onSuccess: (changed) => {
      queryClient.setQueryData<Fleet>(
        queryKeys.fleet,
        (fleet) =>
          fleet && {
            ...fleet,
            workers: fleet.workers.map((worker) => (worker.name === changed.name ? changed : worker)),
          },
      );
      const { name, accepts } = changed;
      toast({
        title: t(accepts ? 'status.resumed' : 'status.drained', { name }),
        action: { label: t('common.undo'), run: () => mutation.mutate({ name, accepts: !accepts }) },
      });
    },
    onError: (error, wanted) => toastError(error, () => mutation.mutate(wanted)),
  });
  return mutation;
}

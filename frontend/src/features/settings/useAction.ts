import { useQueryClient, type QueryKey } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { toast } from '../../lib/toast';
import { toastProblem } from '../auth/authErrors';

/** Runs one thing at a time, says what went wrong, and has the list under `key` asked for again. */
export function useAction(key: QueryKey): {
  isBusy: boolean;
  run: (action: () => Promise<unknown>, done?: string) => Promise<boolean>;
} {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [isBusy, setIsBusy] = useState(false);
  const run = async (action: () => Promise<unknown>, done?: string) => {
    setIsBusy(true);
    try {
      await action();
      if (done) toast({ title: done, color: 'green' });
      return true;
    } catch (error) {
      toastProblem(t, error);
      return false;
    } finally {
      await queryClient.invalidateQueries({ queryKey: key });
      setIsBusy(false);
    }
  };
  return { isBusy, run };
}

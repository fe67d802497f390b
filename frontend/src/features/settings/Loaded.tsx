import { Button, Center, Loader } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import { problemText } from '../auth/authErrors';
import { FormProblem } from '../auth/FormProblem';

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
}

/** What was asked for, or that it is on its way, or why it did not come and a button to ask again. */
export function Loaded<T>({ query, children }: LoadedProps<T>) {
  const { t } = useTranslation();
  if (query.data !== undefined) return children(query.data);
  if (query.isError) {
    return (
      <>
        <FormProblem text={problemText(t, query.error)} />
        <Button variant="default" mt="sm" onClick={() => void query.refetch()}>
          {t('common.retry')}
        </Button>
      </>
    );
  }
  return (
    <Center py="md">
      <Loader size="sm" aria-label={t('common.loading')} />
    </Center>
  );
}

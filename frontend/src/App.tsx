import { MantineProvider } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider, useQuery } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useEffect } from 'react';

import { api, queryKeys } from './api/client';
import { adminPage } from './features/auth/cameFor';
import { ServerUnreachable } from './features/shell/ServerUnreachable';
import { Splash } from './features/shell/Splash';
import { queryClient } from './queryClient';
import { router } from './router';
import { PHONE_QUERY, colorSchemeManager, cssVariablesResolver, theme } from './theme';

export function App() {
  return (
    <MantineProvider
      theme={theme}
      colorSchemeManager={colorSchemeManager}
      cssVariablesResolver={cssVariablesResolver}
      defaultColorScheme="dark"
    >
      <QueryClientProvider client={queryClient}>
        <Toasts />
        <Entrance />
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Top on phones: at the bottom they would cover the Generate button. */
function Toasts() {
  const isPhone = useMediaQuery(PHONE_QUERY, undefined, { getInitialValueInEffect: false });
  return (
    <Notifications position={isPhone ? 'top-center' : 'bottom-right'} limit={5} containerWidth={350} zIndex={400} />
  );
}

/** The pages, as soon as it is known who is asking. */
function Entrance() {
  const me = useQuery({ queryKey: queryKeys.me, queryFn: api.me });
  const wanted = me.data?.user ? adminPage(window.location.search) : '';
  useEffect(() => {
    if (wanted) window.location.replace(wanted);
  }, [wanted]);
  if (wanted) return <Splash />;
  if (me.data) return <RouterProvider router={router} />;
  if (me.isError) return <ServerUnreachable error={me.error} onRetry={() => void me.refetch()} />;
  return <Splash />;
}

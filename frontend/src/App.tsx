import { MantineProvider } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider, useQuery } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';

import { api, queryKeys } from './api/client';
import { SignInPage } from './features/auth/SignInPage';
import { SessionProvider } from './features/shell/SessionProvider';
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

/** Nobody signed in: the sign-in page. Somebody: the portal. */
function Entrance() {
  const me = useQuery({ queryKey: queryKeys.me, queryFn: api.me });
  if (me.data?.user) {
    return (
      <SessionProvider user={me.data.user} version={me.data.version}>
        <RouterProvider router={router} />
      </SessionProvider>
    );
  }
  if (me.data) return <SignInPage registrationOpen={me.data.registration_open} />;
  if (me.isError) return <ServerUnreachable error={me.error} onRetry={() => void me.refetch()} />;
  return <Splash />;
}

/** The pages, behind `#`: the same files work in any folder of any server. */

import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router';

import { GeneratePage } from './features/generate/GeneratePage';
import { SignInRoute } from './features/auth/SignInRoute';
import { Portal } from './features/shell/Portal';

const rootRoute = createRootRoute({ notFoundComponent: () => null });

/** The pages that mails and providers lead to: for everybody, signed in or not. */
const entryRoutes = [
  createRoute({ getParentRoute: () => rootRoute, path: '/sign-in', component: SignInRoute }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/sign-up',
    component: lazyRouteComponent(() => import('./features/auth/SignUpPage')),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/reset-password',
    component: lazyRouteComponent(() => import('./features/auth/ResetRequestPage')),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/reset-password/$key',
    component: lazyRouteComponent(() => import('./features/auth/ResetPasswordPage')),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/confirm-email/$key',
    component: lazyRouteComponent(() => import('./features/auth/ConfirmEmailPage')),
  }),
] as const;

const portalRoute = createRoute({ getParentRoute: () => rootRoute, id: 'portal', component: Portal });

const generateRoute = createRoute({ getParentRoute: () => portalRoute, path: '/', component: GeneratePage });

const galleryRoute = createRoute({
  getParentRoute: () => portalRoute,
  path: '/gallery',
  component: lazyRouteComponent(() => import('./features/gallery/GalleryPage')),
});

const statusRoute = createRoute({
  getParentRoute: () => portalRoute,
  path: '/status',
  component: lazyRouteComponent(() => import('./features/status/StatusPage')),
});

const SettingsPage = lazyRouteComponent(() => import('./features/settings/SettingsPage'));

const settingsRoute = createRoute({ getParentRoute: () => portalRoute, path: '/settings', component: SettingsPage });

const settingsSectionRoute = createRoute({
  getParentRoute: () => portalRoute,
  path: '/settings/$section',
  component: SettingsPage,
});

const unknownRoute = createRoute({
  getParentRoute: () => portalRoute,
  path: '$',
  beforeLoad: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- the router's own way to say it
    throw redirect({ to: '/' });
  },
});

export const router = createRouter({
  routeTree: rootRoute.addChildren([
    ...entryRoutes,
    portalRoute.addChildren([
      generateRoute,
      galleryRoute,
      statusRoute,
      settingsRoute,
      settingsSectionRoute,
      unknownRoute,
    ]),
  ]),
  history: createHashHistory(),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

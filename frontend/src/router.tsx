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
import { Shell } from './features/shell/Shell';

const rootRoute = createRootRoute({
  component: Shell,
  notFoundComponent: () => null,
});

const generateRoute = createRoute({ getParentRoute: () => rootRoute, path: '/', component: GeneratePage });

const galleryRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/gallery',
  component: lazyRouteComponent(() => import('./features/gallery/GalleryPage')),
});

const SettingsPage = lazyRouteComponent(() => import('./features/settings/SettingsPage'));

const settingsRoute = createRoute({ getParentRoute: () => rootRoute, path: '/settings', component: SettingsPage });

const settingsSectionRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/settings/$section',
  component: SettingsPage,
});

const unknownRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '$',
  beforeLoad: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- the router's own way to say it
    throw redirect({ to: '/' });
  },
});

export const router = createRouter({
  routeTree: rootRoute.addChildren([generateRoute, galleryRoute, settingsRoute, settingsSectionRoute, unknownRoute]),
  history: createHashHistory(),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

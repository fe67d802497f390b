import { IconPhoto, IconSettings, IconSparkles } from '@tabler/icons-react';

/** The tabs that exist, in the order of the rail. */
export const TABS = [
  { to: '/', labelKey: 'nav.generate', icon: IconSparkles },
  { to: '/gallery', labelKey: 'nav.gallery', icon: IconPhoto },
  { to: '/settings', labelKey: 'nav.settings', icon: IconSettings },
] as const;

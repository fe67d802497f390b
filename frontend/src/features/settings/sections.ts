/** The sections of the settings page, in the order of its list. A new section is one entry here. */

import { IconDevices, IconGauge, IconHistory, IconKey, IconLock, IconUser, type TablerIcon } from '@tabler/icons-react';
import { lazy, type ComponentType, type LazyExoticComponent } from 'react';

import type { User } from '../../api/types';

export interface SettingsSection {
  /** The last part of its address: `#/settings/account`. */
  id: string;
  labelKey: string;
  icon: TablerIcon;
  /** Takes no properties; a module with a default export, loaded when the section is opened. */
  component: LazyExoticComponent<ComponentType>;
  /** Whether this person has anything to do there; `user.rights` names their permissions. */
  visible: (user: User) => boolean;
}

const always = () => true;

export const SECTIONS: readonly SettingsSection[] = [
  {
    id: 'account',
    labelKey: 'settings.account.title',
    icon: IconUser,
    component: lazy(() => import('./account/AccountSection')),
    visible: always,
  },
  {
    id: 'security',
    labelKey: 'settings.security.title',
    icon: IconLock,
    component: lazy(() => import('./security/SecuritySection')),
    visible: always,
  },
  {
    id: 'sessions',
    labelKey: 'settings.sessions.title',
    icon: IconDevices,
    component: lazy(() => import('./sessions/SessionsSection')),
    visible: always,
  },
  {
    id: 'limits',
    labelKey: 'limits.title',
    icon: IconGauge,
    component: lazy(() => import('./LimitsSection')),
    visible: always,
  },
  {
    id: 'tokens',
    labelKey: 'settings.tokens.title',
    icon: IconKey,
    component: lazy(() => import('./tokens/TokensSection')),
    visible: always,
  },
  {
    id: 'audit',
    labelKey: 'settings.audit.title',
    icon: IconHistory,
    component: lazy(() => import('./audit/AuditSection')),
    visible: (user) => user.rights.includes('accounts.view_auditentry'),
  },
];

export function sectionsOf(user: User): SettingsSection[] {
  return SECTIONS.filter((section) => section.visible(user));
}

import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';

import classes from './NavBar.module.css';
import { TABS } from './navigation';

/** The rail on wide screens, the bottom bar on phones: one list, placed by CSS. */
export function NavBar() {
  const { t } = useTranslation();
  return (
    <nav className={classes.bar} aria-label={t('nav.label')}>
      {TABS.map(({ to, labelKey, icon: Icon }) => (
        <Link key={to} to={to} className={classes.tab} activeOptions={{ exact: to === '/', includeSearch: false }}>
          <span className={classes.icon}>
            <Icon size={22} stroke={1.75} aria-hidden />
          </span>
          <span className={classes.label}>{t(labelKey)}</span>
        </Link>
      ))}
    </nav>
  );
}

import { Center, Loader } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { Link, Navigate, useParams } from '@tanstack/react-router';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { Suspense } from 'react';
import { useTranslation } from 'react-i18next';

import { PHONE_QUERY } from '../../theme';
import { useSession } from '../shell/sessionContext';
import { sectionsOf, type SettingsSection } from './sections';
import classes from './SettingsPage.module.css';

/** A list of sections beside the open one; on a phone first the list, then the section. */
export default function SettingsPage() {
  const { section: id } = useParams({ strict: false });
  const { user } = useSession();
  const isPhone = useMediaQuery(PHONE_QUERY, undefined, { getInitialValueInEffect: false });
  const sections = sectionsOf(user);
  const open = sections.find((section) => section.id === id);
  if (!open) {
    const [first] = sections;
    if (isPhone && id === undefined) return <SectionList sections={sections} isPage />;
    return first ? <Navigate to="/settings/$section" params={{ section: first.id }} replace /> : null;
  }
  return (
    <div className={classes.page}>
      {!isPhone && <SectionList sections={sections} />}
      <OpenSection key={open.id} section={open} hasBack={isPhone} />
    </div>
  );
}

function SectionList({ sections, isPage = false }: { sections: readonly SettingsSection[]; isPage?: boolean }) {
  const { t } = useTranslation();
  const Heading = isPage ? 'h1' : 'p';
  return (
    <nav className={classes.list} data-page={isPage || undefined} aria-label={t('settings.sections')}>
      <Heading className={classes.listTitle}>{t('settings.title')}</Heading>
      {sections.map(({ id, labelKey, icon: Icon }) => (
        <Link key={id} to="/settings/$section" params={{ section: id }} className={classes.entry}>
          <Icon size={20} stroke={1.75} aria-hidden />
          <span className={classes.entryLabel}>{t(labelKey)}</span>
          {isPage && <IconChevronRight size={18} stroke={1.75} aria-hidden />}
        </Link>
      ))}
    </nav>
  );
}

function OpenSection({ section, hasBack }: { section: SettingsSection; hasBack: boolean }) {
  const { t } = useTranslation();
  const Content = section.component;
  return (
    <section className={classes.section} aria-labelledby="settings-section">
      <div className={classes.column}>
        {hasBack && (
          <Link to="/settings" className={classes.back}>
            <IconChevronLeft size={18} stroke={1.75} aria-hidden />
            {t('settings.title')}
          </Link>
        )}
        <h1 id="settings-section" className={classes.title}>
          {t(section.labelKey)}
        </h1>
        <Suspense
          fallback={
            <Center py={48}>
              <Loader size="sm" aria-label={t('common.loading')} />
            </Center>
          }
        >
          <div className={classes.blocks}>
            <Content />
          </div>
        </Suspense>
      </div>
    </section>
  );
}

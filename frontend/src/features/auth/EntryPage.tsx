import { Text } from '@mantine/core';
import type { ReactNode } from 'react';

import { Logo } from '../../components/Logo';
import { LanguageSwitch } from '../shell/LanguageSwitch';
import { ThemeToggle } from '../shell/ThemeToggle';
import classes from './EntryPage.module.css';

interface EntryPageProps {
  title: string;
  lead?: ReactNode;
  children?: ReactNode;
  /** Below the form: the way to another page. */
  foot?: ReactNode;
}

/** One card in the middle: the pages before the portal itself. */
export function EntryPage({ title, lead, children, foot }: EntryPageProps) {
  return (
    <div className={classes.page}>
      <div className={classes.corner}>
        <LanguageSwitch />
        <ThemeToggle />
      </div>
      <main className={classes.card}>
        <div className={classes.head}>
          <Logo size={44} />
          <h1 className={classes.title}>{title}</h1>
          {lead && (
            <Text c="dimmed" size="sm">
              {lead}
            </Text>
          )}
        </div>
        {children}
        {foot && (
          <Text component="div" size="sm" c="dimmed" className={classes.foot}>
            {foot}
          </Text>
        )}
      </main>
    </div>
  );
}

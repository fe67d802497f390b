import { Badge, Collapse, UnstyledButton } from '@mantine/core';
import { IconAlertCircle, IconChevronDown } from '@tabler/icons-react';
import { useEffect, useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import type { Params } from '../../../api/types';
import { openSection, useUi } from '../../../lib/uiStore';
import classes from '../FormPane.module.css';
import { rootOf, type FieldErrors } from '../formState';
import { useForm } from '../store';

export interface SectionProps {
  id: string;
  title: string;
  /** What is set, for when it is closed. */
  badges: readonly string[];
  /** The fields in it: a complaint about one of them opens it. */
  fields: readonly (keyof Params)[];
  children: ReactNode;
}

/** A part of the form that folds away; closed it still shows what is set. */
export function Section({ id, title, badges, fields, children }: SectionProps) {
  const { t } = useTranslation();
  const isOpen = useUi(({ openSections }) => openSections[id] ?? false);
  const hasErrors = useForm(({ errors }) => errorsOf(errors, fields).length > 0);
  const section = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (hasErrors) openSection(id);
  }, [hasErrors, id]);
  const bringIntoView = () => {
    if (isOpen) section.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  };
  return (
    <div className={classes.accordion} ref={section}>
      <UnstyledButton
        className={classes.accordionButton}
        aria-expanded={isOpen}
        aria-controls={`section-${id}`}
        onClick={() => openSection(id, !isOpen)}
      >
        <span className={classes.accordionTitle}>{title}</span>
        {hasErrors && <IconAlertCircle size={18} stroke={1.75} color="var(--err)" aria-label={t('form.hasErrors')} />}
        {!isOpen && (
          <span className={classes.badges}>
            {badges.map((text) => (
              <Badge key={text} variant="light" size="sm" radius="xs" tt="none">
                {text}
              </Badge>
            ))}
          </span>
        )}
        <IconChevronDown className={classes.chevron} size={18} stroke={1.75} aria-hidden />
      </UnstyledButton>
      <Collapse expanded={isOpen} id={`section-${id}`} onTransitionEnd={bringIntoView}>
        <div className={classes.accordionBody}>{children}</div>
      </Collapse>
    </div>
  );
}

/** What the server says about fields, for sections whose parts have no room for words of their own. */
export function SectionErrors({ fields }: Pick<SectionProps, 'fields'>) {
  const { errors } = useForm();
  return errorsOf(errors, fields).map(([field, text]) => (
    <div key={field} className={classes.error} role="alert">
      {text}
    </div>
  ));
}

function errorsOf(errors: FieldErrors, fields: readonly string[]): [string, string][] {
  return Object.entries(errors).filter((entry): entry is [string, string] => fields.includes(rootOf(entry[0])));
}

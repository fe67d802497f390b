import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { Block } from '../Block';
import { Loaded } from '../Loaded';
import classes from './audit.module.css';
import { audit, auditKey, csvAddress, KINDS, NO_FILTER, type AuditFilter } from './auditApi';
import { AuditRow } from './AuditRow';

const TYPING_MS = 300;

export default function AuditSection() {
  const { t } = useTranslation();
  const [filter, setFilter] = useState<AuditFilter>(NO_FILTER);
  const [asked] = useDebouncedValue(filter, TYPING_MS);
  const list = useInfiniteQuery({
    queryKey: auditKey(asked),
    queryFn: ({ pageParam }) => audit(asked, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  return (
    <Block
      title={t('settings.audit.listTitle')}
      lead={t('settings.audit.lead')}
      side={
        <Button
          component="a"
          href={csvAddress(asked)}
          download
          variant="default"
          leftSection={<IconDownload size={18} stroke={1.75} aria-hidden />}
        >
          {t('settings.audit.csv')}
        </Button>
      }
    >
      <AuditFilters filter={filter} onChange={setFilter} />
      <Loaded query={list}>
        {({ pages }) => {
          const entries = pages.flatMap((page) => page.items);
          if (entries.length === 0) return <p className={classes.none}>{t('settings.audit.none')}</p>;
          return (
            <ul className={classes.list} aria-label={t('settings.audit.listTitle')}>
              {entries.map((entry) => (
                <AuditRow key={entry.id} entry={entry} />
              ))}
            </ul>
          );
        }}
      </Loaded>
      {list.hasNextPage && (
        <Button
          variant="default"
          fullWidth
          mt="md"
          loading={list.isFetchingNextPage}
          onClick={() => void list.fetchNextPage()}
        >
          {t('settings.audit.more')}
        </Button>
      )}
    </Block>
  );
}

interface AuditFiltersProps {
  filter: AuditFilter;
  onChange: (filter: AuditFilter) => void;
}

function AuditFilters({ filter, onChange }: AuditFiltersProps) {
  const { t } = useTranslation();
  const change = (name: keyof AuditFilter) => (event: { currentTarget: { value: string } }) =>
    onChange({ ...filter, [name]: event.currentTarget.value });
  return (
    <div className={classes.filters} role="search" aria-label={t('settings.audit.filters')}>
      <NativeSelect
        label={t('settings.audit.kind')}
        value={filter.action}
        onChange={change('action')}
        data={[
          { value: '', label: t('settings.audit.allKinds') },
          ...KINDS.map((kind) => ({ value: kind, label: t(`settings.audit.kinds.${kind.slice(0, -1)}`) })),
        ]}
      />
      <TextInput
        label={t('settings.audit.actor')}
        placeholder={t('settings.audit.anybody')}
        maxLength={150}
        value={filter.actor}
        onChange={change('actor')}
      />
      <TextInput type="date" label={t('settings.audit.since')} value={filter.since} onChange={change('since')} />
      <TextInput type="date" label={t('settings.audit.until')} value={filter.until} onChange={change('until')} />
    </div>
  );
}

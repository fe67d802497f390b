import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconDeviceDesktop, IconDeviceMobile } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { formatRelative } from '../../../lib/relativeTime';
import { useNow } from '../../../lib/useNow';
import { deviceName, isPhone } from '../../../lib/userAgent';
import { Block } from '../Block';
import { ConfirmDialog } from '../ConfirmDialog';
import { Loaded } from '../Loaded';
import rows from '../rows.module.css';
import { useAction } from '../useAction';
import { endSessions, lastSeen, sessions, sessionsKey, type BrowserSession } from './sessionsApi';

export default function SessionsSection() {
  const { t } = useTranslation();
  const list = useQuery({ queryKey: sessionsKey, queryFn: sessions });
  const { isBusy, run } = useAction(sessionsKey);
  const [asked, setAsked] = useState<readonly BrowserSession[]>([]);
  const others = list.data?.filter((session) => !session.is_current) ?? [];
  const end = (ended: readonly BrowserSession[]) =>
    void run(() => endSessions(ended.map(({ id }) => id)), t('settings.sessions.ended', { count: ended.length }));
  return (
    <Block
      title={t('settings.sessions.listTitle')}
      lead={t('settings.sessions.lead')}
      side={
        others.length > 0 && (
          <Button variant="default" loading={isBusy} onClick={() => setAsked(others)}>
            {t('settings.sessions.endOthers')}
          </Button>
        )
      }
    >
      <Loaded query={list}>
        {(found) => (
          <ul className={rows.rows} aria-label={t('settings.sessions.listTitle')}>
            {found.map((session) => (
              <SessionRow key={session.id} session={session} isBusy={isBusy} onEnd={() => end([session])} />
            ))}
          </ul>
        )}
      </Loaded>
      <ConfirmDialog
        title={asked.length > 0 ? t('settings.sessions.endOthers') : null}
        text={t('settings.sessions.endOthersText', { count: asked.length })}
        action={t('settings.sessions.end')}
        onClose={() => setAsked([])}
        onConfirm={() => end(asked)}
      />
    </Block>
  );
}

interface SessionRowProps {
  session: BrowserSession;
  isBusy: boolean;
  onEnd: () => void;
}

function SessionRow({ session, isBusy, onEnd }: SessionRowProps) {
  const { t, i18n } = useTranslation();
  const Icon = isPhone(session.user_agent) ? IconDeviceMobile : IconDeviceDesktop;
  const device = deviceName(t, session.user_agent);
  const seen = formatRelative(i18n.language, lastSeen(session) * 1000, useNow(false));
  return (
    <li className={rows.row}>
      <Icon size={22} stroke={1.75} aria-hidden />
      <div className={rows.words}>
        <div className={rows.name}>
          {device}
          {session.is_current && (
            <span className={rows.badge} data-kind="ok">
              {t('settings.sessions.current')}
            </span>
          )}
        </div>
        <div className={rows.note} title={session.user_agent}>
          {session.ip}
          {' · '}
          {t('settings.sessions.seen', { time: seen })}
        </div>
      </div>
      {!session.is_current && (
        <Button
          variant="default"
          disabled={isBusy}
          aria-label={t('settings.sessions.endOne', { device })}
          onClick={onEnd}
        >
          {t('settings.sessions.end')}
        </Button>
      )}
    </li>
  );
}

import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconKey } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

import { api } from '../../../api/client';
import { formatRelative } from '../../../lib/relativeTime';
import { useNow } from '../../../lib/useNow';
import { Block } from '../Block';
import { ConfirmDialog } from '../ConfirmDialog';
import { Loaded } from '../Loaded';
import rows from '../rows.module.css';
import { useAction } from '../useAction';
import { NewTokenDialog } from './NewTokenDialog';
import { isExpired, tokens, tokensKey, type Token } from './tokensApi';

export default function TokensSection() {
  const { t } = useTranslation();
  const list = useQuery({ queryKey: tokensKey, queryFn: tokens });
  const { isBusy, run } = useAction(tokensKey);
  const [isMaking, setIsMaking] = useState(false);
  const [asked, setAsked] = useState<Token | null>(null);
  const revoke = () => asked && void run(() => api.revokeToken(asked.id), t('settings.tokens.revoked'));
  return (
    <Block
      title={t('settings.tokens.listTitle')}
      lead={t('settings.tokens.lead')}
      side={<Button onClick={() => setIsMaking(true)}>{t('settings.tokens.make')}</Button>}
    >
      <Loaded query={list}>
        {(found) =>
          found.length === 0 ? (
            <p className={rows.note}>{t('settings.tokens.none')}</p>
          ) : (
            <ul className={rows.rows} aria-label={t('settings.tokens.listTitle')}>
              {found.map((token) => (
                <TokenRow key={token.id} token={token} isBusy={isBusy} onRevoke={() => setAsked(token)} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <NewTokenDialog isOpen={isMaking} onClose={() => setIsMaking(false)} />
      <ConfirmDialog
        title={asked && t('settings.tokens.revokeOne', { name: asked.name })}
        text={t('settings.tokens.revokeText')}
        action={t('settings.tokens.revoke')}
        onClose={() => setAsked(null)}
        onConfirm={() => void revoke()}
      />
    </Block>
  );
}

interface TokenRowProps {
  token: Token;
  isBusy: boolean;
  onRevoke: () => void;
}

function TokenRow({ token, isBusy, onRevoke }: TokenRowProps) {
  const { t, i18n } = useTranslation();
  const now = useNow(false);
  const ago = (time: string) => formatRelative(i18n.language, Date.parse(time), now);
  const ended = isExpired(token, now);
  return (
    <li className={rows.row}>
      <IconKey size={22} stroke={1.75} aria-hidden />
      <div className={rows.words}>
        <div className={rows.name}>
          {token.name}
          {token.scopes.map((scope) => (
            <span key={scope} className={rows.badge}>
              {t(`settings.tokens.scopes.${scope}.name`)}
            </span>
          ))}
          {ended && (
            <span className={rows.badge} data-kind="warn">
              {t('settings.tokens.expired')}
            </span>
          )}
        </div>
        <div className={rows.note}>
          <code>{t('settings.tokens.begins', { prefix: token.prefix })}</code>
          {' · '}
          {token.last_used_at
            ? t('settings.tokens.used', { time: ago(token.last_used_at) })
            : t('settings.tokens.unused')}
          {' · '}
          {token.expires_at
            ? t('settings.tokens.ends', { date: new Date(token.expires_at).toLocaleDateString(i18n.language) })
            : t('settings.tokens.endsNever')}
        </div>
      </div>
      <Button
        variant="default"
        disabled={isBusy}
        aria-label={t('settings.tokens.revokeOne', { name: token.name })}
        onClick={onRevoke}
      >
        {t('settings.tokens.revoke')}
      </Button>
    </li>
  );
}

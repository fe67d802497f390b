import { IconAlertTriangle } from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';

import type { Quote, QuoteRefusal } from '../../api/types';
import { formatDuration } from '../../lib/format';
import classes from './FormPane.module.css';
import { quoteParts, type QuotePart } from './quote';

interface QuoteLineProps {
  id: string;
  quote: Quote | undefined;
}

/** What pressing Generate would cost, or why it would be refused. */
export function QuoteLine({ id, quote }: QuoteLineProps) {
  const { t, i18n } = useTranslation();
  if (!quote) return null;
  if (quote.refusal) {
    return (
      <p id={id} className={classes.quote} data-refused role="status">
        <IconAlertTriangle size={15} stroke={1.75} aria-hidden />
        <span>{refusalText(t, quote.refusal, i18n.language)}</span>
      </p>
    );
  }
  const parts = quoteParts(quote);
  if (parts.length === 0) return null;
  return (
    <p id={id} className={classes.quote}>
      {parts.map((part) => partText(t, part)).join(' · ')}
    </p>
  );
}

function partText(t: TFunction, part: QuotePart): string {
  switch (part.key) {
    case 'gpu':
      return t('quote.gpu', { duration: formatDuration(t, part.seconds) });
    case 'starts':
      return t('quote.starts', { duration: formatDuration(t, part.seconds) });
    case 'now':
      return t('quote.now');
    case 'ahead':
    case 'waiting':
    case 'waitingOf':
      return t(`quote.${part.key}`, part);
  }
}

/** In the person's language where we know the limit, else in the server's words. */
function refusalText(t: TFunction, refusal: QuoteRefusal, language: string): string {
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const { limit, allowed, used, wanted, resets_at: resetsAt } = refusal;
  const time = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
  return t(`quote.refused.${limit}`, {
    allowed: number.format(allowed),
    used: number.format(used),
    wanted: number.format(wanted),
    time: resetsAt ? time.format(new Date(resetsAt)) : '',
    defaultValue: refusal.message,
  });
}

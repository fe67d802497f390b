import { Button } from '@mantine/core';
import { IconPlayerStop, IconPlus, IconSparkles } from '@tabler/icons-react';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';

import { cancelJob } from '../../lib/jobActions';
import { useActiveJobs } from '../../lib/jobsStore';
import { useShortcut } from '../../lib/useShortcut';
import classes from './FormPane.module.css';
import { QuoteLine } from './QuoteLine';
import { useQuote } from './useQuote';

interface GenerateFootProps {
  isSending: boolean;
  onGenerate: () => void;
}

/** Always in sight. While something runs it adds to the queue, and the running job can be cancelled beside it. */
export function GenerateFoot({ isSending, onGenerate }: GenerateFootProps) {
  const { t } = useTranslation();
  const jobs = useActiveJobs();
  const quote = useQuote();
  const quoteId = useId();
  // Disabled for pressing and not for focus, so that the reason can be heard.
  const isRefused = quote?.allowed === false;
  const current = jobs.find((job) => job.state === 'running') ?? jobs[0];
  const cancel = () => {
    if (current) void cancelJob(current.id);
  };
  useShortcut('cancel', cancel);
  const Icon = current ? IconPlus : IconSparkles;
  return (
    <div className={classes.foot}>
      <QuoteLine id={quoteId} quote={quote} />
      <Button
        className={classes.generate}
        size="md"
        loading={isSending}
        onClick={isRefused ? undefined : onGenerate}
        data-disabled={isRefused || undefined}
        aria-disabled={isRefused || undefined}
        aria-describedby={quoteId}
        leftSection={<Icon size={20} stroke={1.75} aria-hidden />}
        aria-keyshortcuts="Control+Enter"
      >
        {t(current ? 'form.addToQueue' : 'form.generate')}
        {!current && (
          <span className={classes.keys} aria-hidden>
            <kbd>Ctrl</kbd>
            <kbd>↵</kbd>
          </span>
        )}
      </Button>
      {current && (
        <Button
          size="md"
          variant="default"
          onClick={cancel}
          leftSection={<IconPlayerStop size={18} stroke={1.75} aria-hidden />}
          aria-keyshortcuts="Shift+X"
        >
          {t('common.cancel')}
        </Button>
      )}
    </div>
  );
}

import { Tooltip } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import { useConnection } from '../../lib/jobsStore';
import classes from './TopBar.module.css';

/** Whether news from the server arrive: a colour and a word. */
export function ConnectionDot() {
  const { t } = useTranslation();
  const status = useConnection();
  return (
    <Tooltip label={t(`connection.${status}Hint`)}>
      <span className={classes.connection} data-status={status} role="status">
        <span className={classes.dot} aria-hidden />
        <span className={classes.connectionText}>{t(`connection.${status}`)}</span>
      </span>
    </Tooltip>
  );
}

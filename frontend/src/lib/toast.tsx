/** Toasts: at most five; errors stay until they are closed. */

import { Button, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import i18next from 'i18next';

import { errorText } from './errorText';
import classes from './toast.module.css';

export interface ToastAction {
  label: string;
  run: () => void;
}

interface Toast {
  title: string;
  message?: string;
  action?: ToastAction;
  /** Milliseconds, or false: until it is closed. */
  autoClose?: number | false;
  color?: string;
  /** Of several with the same one, only one is shown. */
  id?: string;
}

export function toast({ autoClose = 5000, color = 'iris', id: given, ...body }: Toast): void {
  const id = notifications.show({
    ...(given && { id: given }),
    color,
    autoClose,
    closeButtonProps: { 'aria-label': i18next.t('common.close') },
    message: <Body {...body} onDone={() => notifications.hide(id)} />,
  });
}

/** Says that the portal goes on by itself in so many seconds, because the person asked for much at once. */
export function toastWait(seconds: number): void {
  toast({
    id: 'wait',
    title: i18next.t('errors.too_many_requests.message'),
    message: i18next.t('errors.too_many_requests.goesOn', { count: seconds }),
    autoClose: seconds * 1000,
  });
}

/** Says what went wrong and what to do; `retry` adds a button. */
export function toastError(error: unknown, retry?: () => void): void {
  const { message, hint } = errorText(i18next.t, error);
  toast({
    title: message,
    message: hint,
    color: 'red',
    autoClose: false,
    ...(retry && { action: { label: i18next.t('common.retry'), run: retry } }),
  });
}

interface BodyProps extends Pick<Toast, 'title' | 'message' | 'action'> {
  onDone: () => void;
}

function Body({ title, message, action, onDone }: BodyProps) {
  const runAction = () => {
    onDone();
    action?.run();
  };
  return (
    <div className={classes.body}>
      <div>
        <Text size="sm" fw={600} c="var(--text)">
          {title}
        </Text>
        {message && (
          <Text size="sm" c="dimmed">
            {message}
          </Text>
        )}
      </div>
      {action && (
        <Button size="xs" variant="default" className={classes.action} onClick={runAction}>
          {action.label}
        </Button>
      )}
    </div>
  );
}

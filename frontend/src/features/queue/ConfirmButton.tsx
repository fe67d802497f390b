import { Button, Popover, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';

import classes from './Queue.module.css';

interface ConfirmButtonProps {
  label: string;
  question: string;
  onConfirm: () => void;
}

/** A button that asks before it does what cannot be undone. */
export function ConfirmButton({ label, question, onConfirm }: ConfirmButtonProps) {
  const { t } = useTranslation();
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <Popover opened={isOpen} onChange={(opened) => !opened && close()} trapFocus position="top" shadow="md">
      <Popover.Target>
        <Button variant="default" size="sm" onClick={open}>
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Text size="sm">{question}</Text>
        <div className={classes.confirm}>
          <Button size="xs" variant="default" onClick={close}>
            {t('queue.keep')}
          </Button>
          <Button
            size="xs"
            color="red"
            onClick={() => {
              close();
              onConfirm();
            }}
          >
            {label}
          </Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

import { Kbd, Modal, Switch } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import { EXTRA_SHORTCUTS, SHORTCUTS } from '../../lib/shortcuts';
import { useUi } from '../../lib/uiStore';
import classes from './HelpDialog.module.css';

interface HelpDialogProps {
  opened: boolean;
  onClose: () => void;
}

/** Every shortcut, and the switch for those of a single key. */
export function HelpDialog({ opened, onClose }: HelpDialogProps) {
  const { t } = useTranslation();
  const { singleKeys, set } = useUi();
  const rows = Object.entries({
    ...Object.fromEntries(Object.entries(SHORTCUTS).map(([id, { keys }]) => [id, keys])),
    ...EXTRA_SHORTCUTS,
  });
  return (
    <Modal opened={opened} onClose={onClose} title={t('help.title')} size="md">
      <dl className={classes.list}>
        {rows.map(([id, keys]) => (
          <div key={id} className={classes.row}>
            <dt>{t(`help.shortcuts.${id}`)}</dt>
            <dd>
              {keyNames(keys).map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <Switch
        label={t('help.singleKeys')}
        description={t('help.singleKeysHint')}
        checked={singleKeys}
        onChange={(event) => set({ singleKeys: event.currentTarget.checked })}
      />
    </Modal>
  );
}

function keyNames(keys: string): string[] {
  const names: Record<string, string> = { mod: 'Ctrl', shift: 'Shift', alt: 'Alt', Enter: '↵', Delete: 'Del' };
  return keys.split('+').map((key) => names[key] ?? key);
}

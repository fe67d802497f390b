import { useMantineColorScheme } from '@mantine/core';
import { Spotlight, type SpotlightActionData } from '@mantine/spotlight';
import { useNavigate } from '@tanstack/react-router';
import { IconKeyboard, IconLanguage, IconMoon, IconStack2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { LANGUAGES, changeLanguage } from '../../i18n';
import { TABS } from './navigation';

interface PaletteProps {
  onQueue: () => void;
  onHelp: () => void;
}

const ICON = { size: 20, stroke: 1.75 } as const;

/** Ctrl+K: everything that can be opened, by name. */
export function Palette({ onQueue, onHelp }: PaletteProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { toggleColorScheme } = useMantineColorScheme();
  const actions: SpotlightActionData[] = [
    ...TABS.map(({ to, labelKey, icon: Icon }) => ({
      id: to,
      label: t(labelKey),
      leftSection: <Icon {...ICON} />,
      onClick: () => void navigate({ to }),
    })),
    { id: 'queue', label: t('queue.title'), leftSection: <IconStack2 {...ICON} />, onClick: onQueue },
    { id: 'theme', label: t('palette.theme'), leftSection: <IconMoon {...ICON} />, onClick: toggleColorScheme },
    ...LANGUAGES.map(({ code, name }) => ({
      id: code,
      label: name,
      leftSection: <IconLanguage {...ICON} />,
      onClick: () => changeLanguage(code),
    })),
    { id: 'help', label: t('help.title'), leftSection: <IconKeyboard {...ICON} />, onClick: onHelp },
  ];
  return (
    <Spotlight
      actions={actions}
      shortcut={['mod + K']}
      highlightQuery
      nothingFound={t('palette.nothing')}
      searchProps={{ placeholder: t('palette.search'), 'aria-label': t('palette.search') }}
    />
  );
}

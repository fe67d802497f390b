import { SegmentedControl, Select, useMantineColorScheme } from '@mantine/core';
import { useTranslation } from 'react-i18next';

import { LANGUAGES, changeLanguage, type Language } from '../../../i18n';
import { Block } from '../Block';
import classes from './AppearanceBlock.module.css';

const SCHEMES = ['dark', 'light', 'auto'] as const;

/** Language and theme; both are remembered by the browser, not by the account. */
export function AppearanceBlock() {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Block title={t('settings.appearance.title')} lead={t('settings.appearance.lead')}>
      <div className={classes.fields}>
        <Select
          label={t('settings.appearance.language')}
          data={LANGUAGES.map(({ code, name }) => ({ value: code, label: name }))}
          value={i18n.language}
          allowDeselect={false}
          onChange={(value) => {
            if (value) changeLanguage(value as Language);
          }}
        />
        <div>
          <div className={classes.label} id="theme-label">
            {t('settings.appearance.theme')}
          </div>
          <SegmentedControl
            fullWidth
            aria-labelledby="theme-label"
            data={SCHEMES.map((scheme) => ({ value: scheme, label: t(`settings.appearance.schemes.${scheme}`) }))}
            value={colorScheme}
            onChange={(value) => setColorScheme(value)}
          />
        </div>
      </div>
    </Block>
  );
}

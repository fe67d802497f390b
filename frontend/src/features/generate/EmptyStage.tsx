import { useMediaQuery } from '@mantine/hooks';
import { IconPackageOff } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { PHONE_QUERY } from '../../theme';
import { EXAMPLES } from './examples';
import classes from './StagePane.module.css';
import { useCatalogue } from './useCatalogue';
import { useGenerate } from './useGenerate';

/** Before the first picture: examples that make one with a single press. */
export function EmptyStage() {
  const { t } = useTranslation();
  const { models, isReady } = useCatalogue();
  const { generate } = useGenerate();
  const isPhone = useMediaQuery(PHONE_QUERY, undefined, { getInitialValueInEffect: false });
  if (isReady && models.length === 0) return <NoModel />;
  return (
    <div className={classes.launch}>
      <h2>{t('launch.title')}</h2>
      <p>{t(isPhone ? 'launch.leadPhone' : 'launch.lead')}</p>
      <div className={classes.cards}>
        {EXAMPLES.map(({ id, icon: Icon, ink, paper }) => {
          const prompt = t(`launch.examples.${id}`);
          return (
            <button
              key={id}
              type="button"
              className={classes.card}
              aria-label={t('launch.try', { prompt })}
              onClick={() => void generate({ prompt })}
            >
              <span className={classes.swatch} style={{ background: paper, color: ink }}>
                <Icon size={44} stroke={1.5} aria-hidden />
              </span>
              <span>{prompt}</span>
            </button>
          );
        })}
      </div>
    </div>
  );
}

function NoModel() {
  const { t } = useTranslation();
  return (
    <div className={classes.message}>
      <IconPackageOff size={40} stroke={1.5} color="var(--muted)" aria-hidden />
      <h2>{t('launch.noModel')}</h2>
      <p>{t('launch.noModelHint')}</p>
    </div>
  );
}

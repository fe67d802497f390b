import { ActionIcon, TextInput, Tooltip } from '@mantine/core';
import { IconDice5, IconRecycle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import classes from './FormPane.module.css';
import { MAX_SEED } from './formState';
import { useForm } from './store';
import { NumberField } from './NumberField';
import { useLastSeed } from './useLastSeed';

/** A fixed seed, or a new one for every job. */
export function SeedField() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const lastSeed = useLastSeed();
  const reuseLabel = lastSeed === null ? t('form.seedNoLast') : t('form.seedReuse', { seed: lastSeed });
  const fix = () => change({ randomSeed: false, seed: lastSeed ?? form.seed });
  return (
    <div>
      <div className={classes.label}>
        <label htmlFor="seed">{t('form.seed')}</label>
      </div>
      <div className={classes.seed}>
        {form.randomSeed ? (
          <TextInput id="seed" readOnly value="" placeholder={t('form.seedRandom')} onClick={fix} />
        ) : (
          <NumberField
            id="seed"
            value={form.seed}
            min={0}
            max={MAX_SEED}
            decimalScale={0}
            error={errors.seed}
            onChange={(seed) => change({ seed })}
          />
        )}
        <Tooltip label={t('form.seedDice')}>
          <ActionIcon
            variant={form.randomSeed ? 'filled' : 'default'}
            aria-pressed={form.randomSeed}
            aria-label={t('form.seedDice')}
            onClick={() => (form.randomSeed ? fix() : change({ randomSeed: true }))}
          >
            <IconDice5 size={20} stroke={1.75} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={reuseLabel}>
          <ActionIcon
            variant="default"
            aria-label={reuseLabel}
            disabled={lastSeed === null}
            onClick={() => lastSeed !== null && change({ seed: lastSeed, randomSeed: false })}
          >
            <IconRecycle size={20} stroke={1.75} />
          </ActionIcon>
        </Tooltip>
      </div>
    </div>
  );
}

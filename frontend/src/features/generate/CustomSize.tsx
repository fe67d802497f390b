import { ActionIcon, Tooltip } from '@mantine/core';
import { IconArrowsExchange } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import type { Limits } from '../../api/types';
import classes from './FormPane.module.css';
import { useForm } from './store';
import { NumberField } from './NumberField';
import { snapSide } from './sizes';

interface CustomSizeProps {
  width: number;
  height: number;
  limits: Limits;
}

/** Width and height in pixels; a number between two possible ones becomes the nearer when it is finished. */
export function CustomSize({ width, height, limits }: CustomSizeProps) {
  const { t } = useTranslation();
  const change = useForm((state) => state.change);
  const side = { min: limits.min_side, max: limits.max_side, step: limits.side_multiple, isLazy: true };
  return (
    <div className={classes.size}>
      <NumberField
        label={t('form.width')}
        value={width}
        {...side}
        onChange={(value) => change({ width: snapSide(value, limits), height })}
      />
      <Tooltip label={t('form.swap')}>
        <ActionIcon
          variant="default"
          aria-label={t('form.swap')}
          onClick={() => change({ width: height, height: width })}
        >
          <IconArrowsExchange size={18} stroke={1.75} />
        </ActionIcon>
      </Tooltip>
      <NumberField
        label={t('form.height')}
        value={height}
        {...side}
        onChange={(value) => change({ width, height: snapSide(value, limits) })}
      />
    </div>
  );
}

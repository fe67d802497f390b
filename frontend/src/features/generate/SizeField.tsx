import { IconAlertTriangle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import { CustomSize } from './CustomSize';
import classes from './FormPane.module.css';
import { currentModel, currentSize } from './formState';
import { useForm } from './store';
import { isBeyondModel, sizePresets } from './sizes';
import { useCatalogue } from './useCatalogue';

const USUAL_SIDES = [512, 768, 1024];

export function SizeField() {
  const { t } = useTranslation();
  const { form, errors, change } = useForm();
  const { models, options, limits } = useCatalogue();
  const model = currentModel(form, models);
  const { width, height } = currentSize(form, model);
  const presets = sizePresets(model?.native_size, options?.sizes ?? USUAL_SIDES, limits);
  const isCustom = form.customSize || width !== height || !presets.includes(width);
  const choose = (side: number) => {
    // The model's own size is stored as "none", so that it follows the model.
    const chosen = side === model?.native_size ? null : side;
    change({ width: chosen, height: chosen, customSize: false });
  };
  const error = errors.width ?? errors.height;
  return (
    <div>
      <div className={classes.label} id="size-label">
        {t('form.size')}
        <span className={classes.aside}>
          {width} × {height}
        </span>
      </div>
      <div className={classes.chips} role="group" aria-labelledby="size-label">
        {presets.map((side) => (
          <Chip
            key={side}
            isChosen={!isCustom && width === side}
            onChoose={() => choose(side)}
            label={t('form.square', { side })}
          >
            {side}²
          </Chip>
        ))}
        <Chip isChosen={isCustom} onChoose={() => change({ width, height, customSize: true })}>
          {t('form.custom')}
        </Chip>
      </div>
      {isCustom && <CustomSize width={width} height={height} limits={limits} />}
      {error && (
        <div className={classes.error} role="alert">
          {error}
        </div>
      )}
      {isBeyondModel(width, height, model?.native_size) && (
        <div className={classes.hint}>
          <IconAlertTriangle size={15} stroke={1.75} aria-hidden />
          <span>{t('form.sizeBeyond', { side: model?.native_size })}</span>
        </div>
      )}
    </div>
  );
}

interface ChipProps {
  isChosen: boolean;
  label?: string;
  onChoose: () => void;
  children: ReactNode;
}

function Chip({ isChosen, label, onChoose, children }: ChipProps) {
  return (
    <button type="button" className={classes.chip} aria-pressed={isChosen} aria-label={label} onClick={onChoose}>
      {children}
    </button>
  );
}

import { Button, Text } from '@mantine/core';
import { IconArrowsShuffle, IconCopy, IconPhotoUp, IconSeeding, IconWand } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

import type { Image } from '../api/types';
import type { RecipeUse } from '../features/gallery/useRecipeUse';
import { copyText } from '../lib/clipboard';
import { formatBytes } from '../lib/formatBytes';
import { recipeText } from '../lib/recipeText';
import { toast } from '../lib/toast';
import { CopyButton } from './CopyButton';
import classes from './RecipePanel.module.css';

interface RecipePanelProps {
  image: Image;
  onUse: (kind: RecipeUse) => void;
}

/** Everything a picture was made of, and ways to use it again. */
export function RecipePanel({ image, onUse }: RecipePanelProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.panel}>
      <div className={classes.actions}>
        <Button variant="filled" leftSection={<IconWand size={18} stroke={1.75} />} onClick={() => onUse('all')}>
          {t('recipe.useAll')}
        </Button>
        <Button
          variant="default"
          leftSection={<IconArrowsShuffle size={18} stroke={1.75} />}
          onClick={() => onUse('remix')}
        >
          {t('recipe.remix')}
        </Button>
        <Button variant="default" leftSection={<IconSeeding size={18} stroke={1.75} />} onClick={() => onUse('seed')}>
          {t('recipe.useSeed')}
        </Button>
        <Button variant="default" leftSection={<IconPhotoUp size={18} stroke={1.75} />} onClick={() => onUse('start')}>
          {t('recipe.useStart')}
        </Button>
      </div>
      <Words label={t('recipe.prompt')} copyLabel={t('recipe.copyPrompt')} text={image.prompt} />
      {image.negative_prompt && (
        <Words label={t('recipe.negative')} copyLabel={t('recipe.copyNegative')} text={image.negative_prompt} />
      )}
      <Parameters image={image} />
      <CopyAll image={image} />
      <Technical image={image} />
    </div>
  );
}

function Words({ label, copyLabel, text }: { label: string; copyLabel: string; text: string }) {
  const { t } = useTranslation();
  return (
    <section>
      <div className={classes.head}>
        <h3 className={classes.label}>{label}</h3>
        {text && <CopyButton text={text} label={copyLabel} />}
      </div>
      <p className={classes.words}>{text || <span className={classes.nothing}>{t('gallery.noPrompt')}</span>}</p>
    </section>
  );
}

function Parameters({ image }: { image: Image }) {
  const { t } = useTranslation();
  const { recipe } = image;
  return (
    <dl className={classes.grid}>
      <Row name={t('recipe.model')} value={image.model} wide />
      {recipe.model_hash && (
        <Row
          name={t('recipe.modelHash')}
          value={<code title={recipe.model_hash}>{recipe.model_hash.slice(0, 10)}</code>}
          copy={<CopyButton text={recipe.model_hash} label={t('recipe.copyHash')} />}
        />
      )}
      <Row
        name={t('recipe.seed')}
        value={<code>{image.seed}</code>}
        copy={<CopyButton text={String(image.seed)} label={t('recipe.copySeed')} />}
      />
      <Row name={t('recipe.size')} value={`${image.width} × ${image.height}`} />
      <Row name={t('recipe.steps')} value={recipe.steps} />
      <Row name={t('recipe.guidance')} value={recipe.cfg_scale} />
      <Row name={t('recipe.sampler')} value={recipe.sampler} />
      <Row name={t('recipe.scheduler')} value={recipe.scheduler} />
      {recipe.clip_skip ? <Row name={t('recipe.clipSkip')} value={recipe.clip_skip} /> : null}
    </dl>
  );
}

function CopyAll({ image }: { image: Image }) {
  const { t } = useTranslation();
  const copy = async () => {
    const done = await copyText(recipeText(image));
    toast({ title: t(done ? 'recipe.copiedAll' : 'recipe.copyFailed'), autoClose: 3000 });
  };
  return (
    <Button
      variant="default"
      fullWidth
      leftSection={<IconCopy size={18} stroke={1.75} />}
      className={classes.copyAll}
      onClick={() => void copy()}
    >
      {t('recipe.copyAll')}
    </Button>
  );
}

/** What matters only when somebody asks why two pictures differ. */
function Technical({ image }: { image: Image }) {
  const { t, i18n } = useTranslation();
  const { recipe } = image;
  const created = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium', timeStyle: 'short' });
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  const seconds = Object.values(recipe.timings ?? {}).reduce((sum, value) => sum + value, 0);
  return (
    <>
      <dl className={classes.grid}>
        <Row name={t('recipe.created')} value={created.format(new Date(image.created_at))} wide />
        <Row name={t('recipe.file')} value={`PNG, ${formatBytes(image.bytes, i18n.language)}`} />
        {seconds > 0 && <Row name={t('recipe.took')} value={t('recipe.seconds', { value: number.format(seconds) })} />}
        {recipe.device && (
          <Row name={t('recipe.device')} value={[recipe.device, recipe.dtype].filter(Boolean).join(', ')} />
        )}
      </dl>
      <Text size="xs" className={classes.id}>
        <span>{t('recipe.id')}</span>
        <code>{image.id}</code>
        <CopyButton text={image.id} label={t('recipe.copyId')} />
      </Text>
    </>
  );
}

interface RowProps {
  name: string;
  value: ReactNode;
  copy?: ReactNode;
  /** Takes the whole width. */
  wide?: boolean;
}

function Row({ name, value, copy, wide }: RowProps) {
  if (value === undefined || value === null || value === '') return null;
  return (
    <div className={classes.row} data-wide={wide || undefined}>
      <dt>{name}</dt>
      <dd>
        <span>{value}</span>
        {copy}
      </dd>
    </div>
  );
}

import { ActionIcon, Loader, Tooltip } from '@mantine/core';
import { IconPhotoPlus, IconX } from '@tabler/icons-react';
import { useRef, useState, type DragEvent } from 'react';
import { useTranslation } from 'react-i18next';

import { PICTURE_TYPES, pictureUrl } from '../../../lib/pictureFiles';
import classes from './PictureField.module.css';
import { usePictureUpload } from './usePictureUpload';

interface PictureFieldProps {
  label: string;
  /** Reference: `upload:<id>` or `image:<id>`; null: none yet. */
  value: string | null;
  onChange: (reference: string | null) => void;
}

/** One picture: chosen, dropped, shown, taken away. */
export function PictureField({ label, value, onChange }: PictureFieldProps) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const { isUploading, upload } = usePictureUpload();
  const [isOver, setIsOver] = useState(false);
  const take = async (file: File | undefined) => {
    const reference = file && (await upload(file));
    if (reference) onChange(reference);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    event.stopPropagation(); // the page would ask what to do with it
    setIsOver(false);
    void take(event.dataTransfer.files[0]);
  };
  const choose = t(value ? 'picture.replace' : 'picture.choose');
  return (
    <div
      className={classes.zone}
      data-over={isOver || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={onDrop}
    >
      <input
        ref={input}
        type="file"
        hidden
        accept={PICTURE_TYPES.join(',')}
        aria-label={label}
        onChange={(event) => {
          void take(event.currentTarget.files?.[0]);
          event.currentTarget.value = ''; // the same file may be chosen again
        }}
      />
      {value && <Thumbnail key={value} reference={value} label={label} />}
      <button type="button" className={classes.choose} onClick={() => input.current?.click()} disabled={isUploading}>
        {isUploading ? <Loader size={20} /> : <IconPhotoPlus size={20} stroke={1.75} aria-hidden />}
        {isUploading ? t('picture.uploading') : choose}
      </button>
      {value && (
        <Tooltip label={t('picture.remove')}>
          <ActionIcon variant="subtle" color="gray" aria-label={t('picture.remove')} onClick={() => onChange(null)}>
            <IconX size={18} stroke={1.75} />
          </ActionIcon>
        </Tooltip>
      )}
    </div>
  );
}

function Thumbnail({ reference, label }: { reference: string; label: string }) {
  const { t } = useTranslation();
  const [isGone, setIsGone] = useState(false);
  if (isGone) return <span className={classes.gone}>{t('picture.gone')}</span>;
  return <img className={classes.thumb} src={pictureUrl(reference)} alt={label} onError={() => setIsGone(true)} />;
}

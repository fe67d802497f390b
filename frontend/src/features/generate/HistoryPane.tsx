import { ActionIcon, Button, Text, Tooltip } from '@mantine/core';
import { IconLayoutSidebarRightCollapse } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

import { ImageTile } from '../../components/ImageTile';
import classes from './HistoryPane.module.css';
import { useStage } from './stageStore';
import { useHistory } from './useHistory';

/** My pictures, newest first, in two columns. */
export function HistoryPane({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { images, hasMore, isLoadingMore, loadMore } = useHistory();
  const { selection, showImage } = useStage();
  return (
    <aside className={classes.pane} aria-label={t('history.title')}>
      <div className={classes.head}>
        <h2>{t('history.title')}</h2>
        <Tooltip label={`${t('history.close')} · G`} position="left">
          <ActionIcon variant="subtle" color="gray" aria-label={t('history.close')} onClick={onClose}>
            <IconLayoutSidebarRightCollapse size={20} stroke={1.75} />
          </ActionIcon>
        </Tooltip>
      </div>
      {images.length === 0 ? (
        <Text size="sm" c="dimmed" className={classes.empty}>
          {t('history.empty')}
        </Text>
      ) : (
        <div className={classes.scroll}>
          <div className={classes.grid}>
            {images.map((image) => (
              <ImageTile
                key={image.id}
                image={image}
                selected={selection.type === 'image' && selection.image.id === image.id}
                onOpen={() => showImage(image)}
              />
            ))}
          </div>
          {hasMore && (
            <Button variant="default" fullWidth mt="md" loading={isLoadingMore} onClick={loadMore}>
              {t('history.more')}
            </Button>
          )}
        </div>
      )}
    </aside>
  );
}

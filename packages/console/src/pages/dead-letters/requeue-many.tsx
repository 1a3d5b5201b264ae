import type { DeadLetterStats } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { keys } from '../../admin/queries.js';
import { useServices } from '../../admin/services.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import styles from './dead-letters-page.module.css';
import { howMany, type LetterFilter } from './letter-filter.js';
import type { News } from './news-line.js';

interface RequeueManyProps {
  filter: LetterFilter;
  stats: DeadLetterStats;
  /** The letters that the page holds. */
  loaded: { count: number; all: boolean };
  onNews(news: News): void;
}

/** Requeues all of a screen or a reason at once, after saying how many that are. */
export function RequeueMany({ filter, stats, loaded, onNews }: RequeueManyProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const [opened, setOpened] = useState(false);
  if (stats.total === 0 && !opened) return null;
  if (filter.screenId === undefined && filter.reason === undefined) {
    return <p className={styles.hint}>{t('letters.manyHint')}</p>;
  }
  const { count, exact } = howMany(filter, stats, loaded);
  async function requeue() {
    onNews({ kind: 'requeued-many', ...(await api.requeueMany(filter)) });
    void queryClient.invalidateQueries({ queryKey: keys.letters });
    void queryClient.invalidateQueries({ queryKey: keys.commandLists });
  }
  return (
    <>
      <Button variant="default" disabled={count === 0} onClick={() => setOpened(true)}>
        {exact ? t('letters.manyOpen', { count }) : t('letters.manyOpenSome')}
      </Button>
      <ConfirmDialog
        opened={opened}
        onClose={() => setOpened(false)}
        title={exact ? t('letters.manyTitle', { count }) : t('letters.manyTitleSome', { count })}
        confirm={t('letters.requeue')}
        harmless
        action={requeue}
        onDone={() => setOpened(false)}
      >
        {t('letters.manyText')}
      </ConfirmDialog>
    </>
  );
}

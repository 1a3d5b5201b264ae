import { SegmentedControl } from '@mantine/core';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { PagedList } from '../../admin/paged-list.js';
import { useDeadLetterStats, useDeadLetters } from '../../admin/queries.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { Empty } from '../../components/empty.js';
import page from '../../components/page.module.css';
import styles from './dead-letters-page.module.css';
import type { LetterFilter } from './letter-filter.js';
import { LetterFilters } from './letter-filters.js';
import { LetterRow } from './letter-row.js';
import { LetterStats } from './letter-stats.js';
import { type News, NewsLine } from './news-line.js';
import { OneLetter } from './one-letter.js';
import { RequeueMany } from './requeue-many.js';

const route = getRouteApi('/signed-in/dead-letters');

export function DeadLettersPage() {
  const { screen, reason, letter, sender } = route.useSearch();
  if (letter === undefined || screen === undefined) return <Letters />;
  return <OneLetter sought={{ commandId: letter, senderId: sender, screenId: screen, reason }} />;
}

/** The letters that wait, or those that were requeued. */
function Letters() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { screen, reason, requeued = false } = route.useSearch();
  const filter: LetterFilter = { ...(screen ? { screenId: screen } : {}), ...(reason ? { reason } : {}) };
  const letters = useDeadLetters({ ...filter, requeued });
  const stats = useDeadLetterStats();
  const { news, setNews } = useNews(JSON.stringify({ ...filter, requeued }));
  usePageTitle(t('letters.title'));

  function show(next: LetterFilter, nextRequeued = requeued) {
    const { screenId, reason: nextReason } = next;
    const search = {
      ...(screenId ? { screen: screenId } : {}),
      ...(nextReason ? { reason: nextReason } : {}),
      ...(nextRequeued ? { requeued: true } : {}),
    };
    void navigate({ to: '/dead-letters', search, replace: true });
  }

  const loaded = letters.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('letters.title')}</h1>
          <p className={page.lead}>{t('letters.lead')}</p>
        </div>
        <SegmentedControl
          aria-label={t('letters.which')}
          value={requeued ? 'requeued' : 'waiting'}
          onChange={(value) => show(filter, value === 'requeued')}
          data={[
            { value: 'waiting', label: t('letters.waiting') },
            { value: 'requeued', label: t('letters.requeued') },
          ]}
        />
      </header>
      <div className={page.stack}>
        {stats.data && stats.data.total > 0 && !requeued ? (
          <LetterStats
            stats={stats.data}
            reason={reason}
            onReason={(next) => show(withReason(filter, next))}
          />
        ) : null}
        <div>
          <div className={styles.tools}>
            <LetterFilters filter={filter} stats={stats.data} onChange={show} />
            {stats.data && !requeued ? (
              <RequeueMany
                filter={filter}
                stats={stats.data}
                loaded={{ count: loaded.length, all: !letters.hasNextPage }}
                onNews={setNews}
              />
            ) : null}
          </div>
          <NewsLine news={news} />
        </div>
        <PagedList
          query={letters}
          label={t('letters.title')}
          empty={<NoLetters requeued={requeued} filtered={screen !== undefined || reason !== undefined} />}
        >
          {(items) => items.map((letter) => <LetterRow key={letter.id} letter={letter} onNews={setNews} />)}
        </PagedList>
      </div>
    </>
  );
}

/** The latest news, for as long as `list` is the one that it happened in. */
function useNews(list: string) {
  const [kept, setKept] = useState<{ list: string; news: News }>();
  if (kept && kept.list !== list) setKept(undefined);
  return { news: kept?.news, setNews: (news: News) => setKept({ list, news }) };
}

function withReason(filter: LetterFilter, reason: LetterFilter['reason']): LetterFilter {
  const { screenId } = filter;
  return { ...(screenId ? { screenId } : {}), ...(reason ? { reason } : {}) };
}

/** Nothing here, which is how it should be, and what would come here. */
function NoLetters({ requeued, filtered }: { requeued: boolean; filtered: boolean }) {
  const { t } = useTranslation();
  if (filtered) return <p className={styles.none}>{t('letters.emptyFiltered')}</p>;
  if (requeued) return <p className={styles.none}>{t('letters.emptyRequeued')}</p>;
  return (
    <Empty title={t('letters.emptyTitle')}>
      <p>{t('letters.empty')}</p>
      <ol>
        <li>{t('letters.emptyStep1')}</li>
        <li>{t('letters.emptyStep2')}</li>
        <li>{t('letters.emptyStep3')}</li>
      </ol>
    </Empty>
  );
}

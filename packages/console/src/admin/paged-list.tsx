import { Button, Skeleton } from '@mantine/core';
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { FocusEventHandler, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Page } from '../api/api.js';
import { toProblem } from '../api/problem.js';
import { Failed } from '../components/failed.js';
import { ProblemNote } from '../components/problem-note.js';
import styles from './paged-list.module.css';
import { StaleNote } from './stale-note.js';

interface PagedListProps<Item> {
  query: UseInfiniteQueryResult<InfiniteData<Page<Item>>>;
  /** In place of a list without items. */
  empty: ReactNode;
  /** The items, for a `ul`. */
  children(items: Item[]): ReactNode;
  label: string;
  /** Somewhere in the list. */
  onFocus?: FocusEventHandler;
}

/** A list that comes page by page, with what is shown while it loads, fails, is stale or is empty. */
export function PagedList<Item>({ query, empty, children, label, onFocus }: PagedListProps<Item>) {
  const { t } = useTranslation();
  if (query.isPending) {
    return <Skeleton height={264} radius="md" role="status" aria-label={t('common.loading')} />;
  }
  const problem = query.error ? toProblem(query.error) : undefined;
  if (!query.data) {
    return <Failed error={query.error} retrying={query.isFetching} onRetry={() => void query.refetch()} />;
  }
  const items = query.data.pages.flatMap((page) => page.items);
  return (
    <div className={styles.paged}>
      <StaleNote readAt={query.dataUpdatedAt} failed={problem !== undefined} />
      {items.length === 0 ? (
        empty
      ) : (
        <ul className={styles.list} aria-label={label} onFocus={onFocus}>
          {children(items)}
        </ul>
      )}
      {query.isFetchNextPageError ? <ProblemNote problem={problem} /> : null}
      {query.hasNextPage ? (
        <Button
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {t('common.loadMore')}
        </Button>
      ) : null}
    </div>
  );
}

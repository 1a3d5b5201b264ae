import { Skeleton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import paged from '../../admin/paged-list.module.css';
import { useLetterOf } from '../../admin/queries.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import type { LetterFound, LetterSought } from '../../api/find-letter.js';
import { Failed } from '../../components/failed.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import styles from './dead-letters-page.module.css';
import { LetterRow } from './letter-row.js';
import { type News, NewsLine } from './news-line.js';

/** The dead letter of one command, wherever it is by now. */
export function OneLetter({ sought }: { sought: LetterSought }) {
  const { t } = useTranslation();
  const letter = useLetterOf(sought);
  const [news, setNews] = useState<News>();
  usePageTitle(t('letters.oneTitle'));
  return (
    <>
      <Link to="/dead-letters" className={page.back}>
        <Icon name="back" /> {t('letters.all')}
      </Link>
      <header className={page.head}>
        <h1>{t('letters.oneTitle')}</h1>
      </header>
      <div className={page.stack}>
        <NewsLine news={news} />
        {letter.isPending ? <Skeleton height={88} radius="md" aria-label={t('common.loading')} /> : null}
        {letter.error && !letter.data ? (
          <Failed error={letter.error} retrying={letter.isFetching} onRetry={() => void letter.refetch()} />
        ) : null}
        {letter.data ? <Found found={letter.data} onNews={setNews} /> : null}
      </div>
    </>
  );
}

function Found({ found, onNews }: { found: LetterFound; onNews(news: News): void }) {
  const { t } = useTranslation();
  if (found === 'gone') return <p className={styles.none}>{t('letters.oneGone')}</p>;
  if (found === 'unknown') return <p className={styles.none}>{t('letters.oneUnknown')}</p>;
  return (
    <ul className={paged.list} aria-label={t('letters.oneTitle')}>
      <LetterRow letter={found} onNews={onNews} />
    </ul>
  );
}

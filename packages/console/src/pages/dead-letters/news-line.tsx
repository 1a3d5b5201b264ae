import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import styles from './dead-letters-page.module.css';

/** What the reader just did, and where it led. */
export type News =
  | { kind: 'requeued' | 'already'; what: string; commandId: string; senderId: string }
  | { kind: 'requeued-many'; requeued: number; left: number }
  | { kind: 'deleted'; what: string };

/** A dialog that closes first gives the focus back to what opened it, which may be gone. */
const AFTER_DIALOG_MS = 200;

/** Takes the focus, because the row whose button was pressed is gone. */
export function NewsLine({ news }: { news: News | undefined }) {
  const { t } = useTranslation();
  const line = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (!news) return;
    const timer = setTimeout(() => line.current?.focus(), AFTER_DIALOG_MS);
    return () => clearTimeout(timer);
  }, [news]);
  return (
    <div role="status">
      {news ? (
        <p ref={line} tabIndex={-1} className={styles.news} data-kind={news.kind}>
          {news.kind === 'requeued' || news.kind === 'already' ? (
            <>
              {t(`letters.news.${news.kind}`, { what: news.what })}{' '}
              <Link
                to="/commands/$commandId"
                params={{ commandId: news.commandId }}
                search={{ sender: news.senderId }}
              >
                {t('letters.toCommand')}
              </Link>
            </>
          ) : null}
          {news.kind === 'requeued-many' ? (
            <>
              {t('letters.newsMany', { count: news.requeued })}{' '}
              {news.left > 0 ? t('letters.newsLeft', { count: news.left }) : null}
            </>
          ) : null}
          {news.kind === 'deleted' ? t('letters.newsDeleted', { what: news.what }) : null}
        </p>
      ) : null}
    </div>
  );
}

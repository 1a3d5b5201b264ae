import type { Screen } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { Ago } from '../components/ago.js';
import { differsSince, type ShownPage } from './drift.js';
import styles from './drift.module.css';
import { DriftMark } from './drift-mark.js';
import { useShownPages } from './use-shown-pages.js';

/** A row of a list has room for few. */
const MAX_LINES = 2;

/** In short what the displays of a screen show; where one differs, what it should show, and since when. */
export function DriftLines({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  const pages = useShownPages(screen);
  if (pages.length === 0) return null;
  const several = pages.length > 1;
  const drifted = pages.filter(({ state }) => state !== 'same');
  const asked = pages.filter(({ should }) => should !== undefined);
  if (several && drifted.length === 0 && asked.length > 0) {
    return <p className={styles.line}>{t('shown.allSame', { count: asked.length })}</p>;
  }
  const lines = drifted.length > 0 ? drifted : pages;
  return (
    <>
      {lines.slice(0, MAX_LINES).map((page) => (
        <div key={page.displayIndex} className={styles.brief}>
          {several || page.state !== 'same' ? (
            <p className={styles.line}>
              {several ? <span>{t('shown.display', { index: page.displayIndex })}</span> : null}
              <DriftMark state={page.state} />
            </p>
          ) : null}
          <BriefPages page={page} />
        </div>
      ))}
      {lines.length > MAX_LINES ? (
        <p className={styles.line}>{t('shown.moreDiffer', { count: lines.length - MAX_LINES })}</p>
      ) : null}
    </>
  );
}

function BriefPages({ page }: { page: ShownPage }) {
  const { t } = useTranslation();
  const { shows, should, state } = page;
  return (
    <dl className={styles.briefPages}>
      <dt>{t('shown.shows')}</dt>
      <dd>{shows ? <code title={shows.url}>{shows.url}</code> : t('shown.unsaid')}</dd>
      {state !== 'same' && should ? (
        <>
          <dt>{t('shown.should')}</dt>
          <dd>
            <code title={should.url}>{should.url}</code>{' '}
            <span>
              · <Ago at={differsSince(page)} />
            </span>
          </dd>
        </>
      ) : null}
    </dl>
  );
}

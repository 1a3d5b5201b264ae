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
  if (several && drifted.length === 0) {
    return <p className={styles.line}>{t('shown.allSame', { count: pages.length })}</p>;
  }
  const lines = drifted.length > 0 ? drifted : pages;
  return (
    <>
      {lines.slice(0, MAX_LINES).map((page) => (
        <p key={page.displayIndex} className={styles.line}>
          <DriftMark state={page.state} />
          {several ? <span>{t('shown.display', { index: page.displayIndex })}</span> : null}
          <LineText page={page} />
        </p>
      ))}
      {lines.length > MAX_LINES ? (
        <p className={styles.line}>{t('shown.moreDiffer', { count: lines.length - MAX_LINES })}</p>
      ) : null}
    </>
  );
}

function LineText({ page }: { page: ShownPage }) {
  const { t } = useTranslation();
  const { shows, should, state } = page;
  return (
    <>
      <span>{shows ? <Address lead={t('shown.shows')} url={shows.url} /> : t('shown.unknown')}</span>
      {state !== 'same' && should ? (
        <span>
          <Address lead={t('shown.should')} url={should.url} /> · <Ago at={differsSince(page)} />
        </span>
      ) : null}
    </>
  );
}

function Address({ lead, url }: { lead: string; url: string }) {
  return (
    <>
      {lead} <code title={url}>{url}</code>
    </>
  );
}

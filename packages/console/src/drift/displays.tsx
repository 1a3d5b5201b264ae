import type { Screen } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { Ago } from '../components/ago.js';
import page from '../components/page.module.css';
import type { ShownPage } from './drift.js';
import styles from './drift.module.css';
import { DriftMark } from './drift-mark.js';
import { useShownPages } from './use-shown-pages.js';

/** Each display of a screen: the page it shows and the page it should show. */
export function Displays({ screen }: { screen: Screen }) {
  const { t } = useTranslation();
  const pages = useShownPages(screen);
  return (
    <section className={`${page.panel} ${styles.section}`} aria-labelledby="displays">
      <div>
        <h2 id="displays">{t('shown.title')}</h2>
        <p className={styles.lead}>{t('shown.lead')}</p>
      </div>
      {pages.length === 0 ? <p>{t('shown.none')}</p> : null}
      {pages.length === 0 ? null : (
        <ul className={styles.displays}>
          {pages.map((one) => (
            <Display key={one.displayIndex} shown={one} named={pages.length > 1 || one.displayIndex > 0} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Display({ shown, named }: { shown: ShownPage; named: boolean }) {
  const { t } = useTranslation();
  const { displayIndex, shows, should, state } = shown;
  return (
    <li className={styles.display}>
      {named || state !== 'same' ? (
        <p className={styles.head}>
          {named ? <strong>{t('shown.display', { index: displayIndex })}</strong> : null}
          <DriftMark state={state} />
        </p>
      ) : null}
      <dl className={styles.pages}>
        <dt>{t('shown.shows')}</dt>
        <dd>
          {shows ? (
            <>
              <code>{shows.url}</code>{' '}
              <span className={styles.when}>
                {t('shown.saidSo')} <Ago at={shows.at} />
              </span>
            </>
          ) : (
            t('shown.unknown')
          )}
        </dd>
        <dt>{t('shown.should')}</dt>
        <dd>
          {should ? (
            <>
              <code>{should.url}</code>{' '}
              <span className={styles.when}>
                {t('shown.askedFor')} <Ago at={should.at} />
              </span>
            </>
          ) : (
            t('shown.nothingAsked')
          )}
        </dd>
      </dl>
      {state === 'same' ? null : <p className={styles.lead}>{t(`shown.meaning.${state}`)}</p>}
    </li>
  );
}

import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemNote } from '../../components/problem-note.js';
import { Ridge } from '../../components/ridge.js';
import { PairingView } from './pairing-view.js';
import styles from './screen-page.module.css';
import { Stage } from './stage.js';
import { StatusBar } from './status-bar.js';
import { useScreenModel } from './use-screen-model.js';
import { useWakeLock } from './use-wake-lock.js';

/** Turns this window into a screen. */
export function ScreenPage() {
  const { t } = useTranslation();
  const { model, unpair } = useScreenModel();
  useWakeLock(model.phase === 'paired');
  useEffect(() => {
    document.title = t('common.pageTitle', { title: t('wall.title') });
  }, [t]);
  const quiet = model.phase !== 'paired' || model.url === undefined;
  return (
    <div className={styles.page}>
      <main className={styles.main}>
        {model.problem ? (
          <div className={styles.problem}>
            <ProblemNote problem={model.problem} />
          </div>
        ) : null}
        {model.phase === 'pairing' && model.code ? <PairingView code={model.code} /> : null}
        {model.phase === 'starting' ? <p className={styles.starting}>{t('wall.starting')}</p> : null}
        {model.phase === 'standby' ? <Standby /> : null}
        {model.phase === 'paired' ? <Stage model={model} /> : null}
      </main>
      {quiet ? (
        <Ridge className={styles.ridge} lit={model.phase === 'paired' && model.link === 'online' ? 1 : 0} />
      ) : null}
      <StatusBar model={model} onUnpair={unpair} />
    </div>
  );
}

/** One credential is one screen, so a second window waits until the first is closed. */
function Standby() {
  const { t } = useTranslation();
  const another = `/screen?name=${Math.random().toString(36).slice(2, 8)}`;
  return (
    <section className={styles.waiting}>
      <h1>{t('wall.standby')}</h1>
      <p className={styles.how}>
        {t('wall.standbyHow')} <a href={another}>{t('wall.standbyAnother')}</a>
      </p>
    </section>
  );
}

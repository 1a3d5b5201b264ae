import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Flame } from '../../components/brand.js';
import type { ScreenModel } from './screen-model.js';
import styles from './screen-page.module.css';

/** One quiet line: the connection, and the way out. */
export function StatusBar({ model, onUnpair }: { model: ScreenModel; onUnpair(): void }) {
  const { t } = useTranslation();
  const dialog = useRef<HTMLDialogElement>(null);
  // A stand-alone screen has no socket before it is paired.
  const state = model.phase === 'paired' ? model.link : 'unpaired';
  return (
    <footer className={styles.bar}>
      <span className={styles.brand}>
        <Flame className={styles.mark} /> Bongsu
      </span>
      <span role="status" className={styles.link} data-state={state}>
        {t(`wall.link.${state}`)}
      </span>
      {model.phase === 'paired' ? (
        <button type="button" className={styles.plain} onClick={() => dialog.current?.showModal()}>
          {t('wall.unpair')}
        </button>
      ) : null}
      <dialog ref={dialog} className={styles.dialog} aria-labelledby="unpair">
        <form method="dialog">
          <h2 id="unpair">{t('wall.unpairTitle')}</h2>
          <p>{t('wall.unpairText')}</p>
          <div className={styles.buttons}>
            <button type="submit" className={styles.plain}>
              {t('common.cancel')}
            </button>
            <button type="submit" className={styles.danger} onClick={onUnpair}>
              {t('wall.unpairConfirm')}
            </button>
          </div>
        </form>
      </dialog>
    </footer>
  );
}

import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from '../../components/icon.js';
import styles from './call-page.module.css';

interface TileFrameProps {
  username: string;
  /** Sets apart the windows of one person. */
  note?: string | undefined;
  picture: boolean;
  muted: boolean;
  sharing: boolean;
  trouble?: string | undefined;
  children: ReactNode;
}

/** One person: their picture or the first letter of their name, the name as text, and what is the matter. */
export function TileFrame({ username, note, picture, muted, sharing, trouble, children }: TileFrameProps) {
  const { t } = useTranslation();
  const [letter = ''] = username.trim();
  return (
    <li className={styles.tile} data-testid="tile" data-sharing={sharing}>
      {children}
      {picture ? null : (
        <span className={styles.letter} aria-hidden="true">
          {letter.toUpperCase()}
        </span>
      )}
      {trouble ? <p className={styles.trouble}>{trouble}</p> : null}
      <p className={styles.name}>
        {muted ? (
          <span className={styles.muted} role="img" aria-label={t('call.muted')}>
            <Icon name="microphoneOff" />
          </span>
        ) : null}
        <bdi>{username}</bdi>
        {note ? <span className={styles.note}>{note}</span> : null}
        {sharing ? <span className={styles.note}>{t('call.sharing')}</span> : null}
      </p>
    </li>
  );
}

import { type ReactNode, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from '../../components/icon.js';
import styles from './call-page.module.css';
import { FullScreenButton } from './full-screen-button.js';

/** Whether a tile is large, and what makes it so, or puts it back. */
export interface Enlarging {
  large: boolean;
  onToggle(): void;
}

interface TileFrameProps {
  username: string;
  /** Sets apart the windows of one person. */
  note?: string | undefined;
  picture: boolean;
  muted: boolean;
  sharing: boolean;
  trouble?: string | undefined;
  /** Undefined where there is nothing beside it. */
  enlarging?: Enlarging | undefined;
  /** For who may: asks first. */
  onPutOut?: (() => void) | undefined;
  children: ReactNode;
}

/** One person: their picture or the first letter of their name, the name as text, what is the matter, and what one may do. */
export function TileFrame(props: TileFrameProps) {
  const { username, note, picture, muted, sharing, trouble, enlarging, onPutOut, children } = props;
  const { t } = useTranslation();
  const frame = useRef<HTMLLIElement>(null);
  const large = enlarging?.large === true;
  const [letter = ''] = username.trim();
  return (
    <li ref={frame} className={styles.tile} data-testid="tile" data-sharing={sharing} data-large={large}>
      {children}
      {picture ? null : (
        <span className={styles.letter} aria-hidden="true">
          {letter.toUpperCase()}
        </span>
      )}
      <div className={styles.actions}>
        {onPutOut ? (
          <button
            type="button"
            className={styles.action}
            data-danger
            aria-label={t('room.kickNamed', { name: username })}
            onClick={onPutOut}
          >
            {t('room.kick')}
          </button>
        ) : null}
        {enlarging ? (
          <button
            type="button"
            className={styles.action}
            aria-label={
              large ? t('call.reduceNamed', { name: username }) : t('call.enlargeNamed', { name: username })
            }
            onClick={enlarging.onToggle}
          >
            {large ? t('call.reduce') : t('call.enlarge')}
          </button>
        ) : null}
        <FullScreenButton of={frame} large={large} />
      </div>
      <div className={styles.captions}>
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
      </div>
    </li>
  );
}

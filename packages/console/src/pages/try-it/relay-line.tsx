import { useTranslation } from 'react-i18next';
import { Flame } from '../../components/brand.js';
import { latency } from '../../format/format.js';
import { type Attempt, type Stop, stopsOf } from './attempt.js';
import styles from './relay-line.module.css';

/** A command's way as beacons along a ridge: each burns once its step is certain. */
export function RelayLine({ attempt }: { attempt: Attempt }) {
  const { i18n } = useTranslation();
  const stops = stopsOf(attempt);
  return (
    <ol className={styles.relay} data-stops={stops.length}>
      {stops.map((stop) => (
        <li key={stop.name} className={styles.stop} data-state={stop.state} data-stop={stop.name}>
          <span className={styles.tower} aria-hidden="true">
            <Flame className={styles.fire} />
          </span>
          <span className={styles.label}>
            <StopName stop={stop} attempt={attempt} />
          </span>
          {stop.tookMs === undefined ? null : (
            <span className={styles.took}>{`+${latency(stop.tookMs, i18n.language)}`}</span>
          )}
        </li>
      ))}
    </ol>
  );
}

function StopName({ stop, attempt }: { stop: Stop; attempt: Attempt }) {
  const { t } = useTranslation();
  if (stop.name === 'sent') return <>{t('tryIt.sent')}</>;
  if (stop.name === 'accepted') {
    if (stop.state === 'lit') return <>{t('tryIt.accepted')}</>;
    return <>{stop.state === 'out' ? t('tryIt.refused') : t('tryIt.accepting')}</>;
  }
  if (attempt.ended) return <>{t(`command.${attempt.ended.status}`)}</>;
  return <>{stop.state === 'out' ? t('tryIt.notExecuted') : t('tryIt.waiting')}</>;
}

import { useTranslation } from 'react-i18next';
import { useHealth } from '../../admin/node-queries.js';
import note from '../../components/note.module.css';
import styles from './nodes-page.module.css';

/** What the node that answers says is wrong with it. Always there, so that a screen reader hears it come. */
export function DegradedNote() {
  const { t } = useTranslation();
  const { data } = useHealth();
  const checks = data?.checks ?? {};
  const faults = Object.entries(checks).filter(([, { status }]) => status !== 'ok');
  const isRedisAway = 'breaker.redis' in checks && checks.ephemeral?.status === 'degraded';
  return (
    <div role="status" className={styles.live}>
      {data && faults.length > 0 ? (
        <div className={note.note}>
          <p>
            <strong>{t('nodes.degraded', { node: data.node })}</strong>
          </p>
          {isRedisAway ? <p>{t('nodes.degradedRedis')}</p> : null}
          <ul className={styles.soft}>
            {faults.map(([name, { message }]) => (
              <li key={name}>
                <code>{name}</code> {message}
              </li>
            ))}
          </ul>
        </div>
      ) : null}
    </div>
  );
}

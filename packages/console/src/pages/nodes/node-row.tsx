import type { NodeInfo } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { Ago } from '../../components/ago.js';
import { Tag } from '../../components/tag.js';
import { clockTime } from '../../format/format.js';
import styles from './nodes-page.module.css';

interface NodeRowProps {
  node: NodeInfo;
  /** Of the connections to all nodes, 0 to 1. */
  share: number;
  /** False while a node is silent, whose connections nobody knows. */
  isExact: boolean;
}

export function NodeRow({ node, share, isExact }: NodeRowProps) {
  const { t, i18n } = useTranslation();
  const { name, isSelf, connections, draining, leaseUntil } = node;
  return (
    <li className={styles.row} data-testid="node">
      <div className={styles.what}>
        <p className={styles.name}>
          <strong>
            <bdi>{name}</bdi>
          </strong>{' '}
          <StateTag node={node} /> {isSelf ? <Tag>{t('nodes.self')}</Tag> : null}
        </p>
        <NodeFacts node={node} />
        {draining ? <p className={styles.soft}>{t('nodes.drainingHint')}</p> : null}
        {connections === null ? (
          <p className={styles.soft}>
            {t('nodes.silentHint', { time: clockTime(leaseUntil, i18n.language) })}
          </p>
        ) : null}
      </div>
      {connections === null ? null : <Load count={connections} share={share} isExact={isExact} />}
    </li>
  );
}

function Load({ count, share, isExact }: { count: number } & Pick<NodeRowProps, 'share' | 'isExact'>) {
  const { t, i18n } = useTranslation();
  const percent = new Intl.NumberFormat(i18n.language, { style: 'percent' }).format(share);
  return (
    <div className={styles.load}>
      <p>
        <strong className={styles.count}>{t('nodes.share', { count })}</strong>{' '}
        <span className={styles.soft}>
          {isExact ? t('nodes.ofAll', { share: percent }) : t('nodes.ofKnown', { share: percent })}
        </span>
      </p>
      <Bar share={share} />
    </div>
  );
}

function StateTag({ node: { ready, draining } }: { node: NodeInfo }) {
  const { t } = useTranslation();
  if (ready === null) return <Tag tone="alert">{t('nodes.silent')}</Tag>;
  if (draining) return <Tag tone="alert">{t('nodes.draining')}</Tag>;
  return ready ? <Tag tone="good">{t('nodes.ready')}</Tag> : <Tag tone="alert">{t('nodes.starting')}</Tag>;
}

/** What it is; of one that is silent only what the others know of it. */
function NodeFacts({ node: { region, version, startedAt } }: { node: NodeInfo }) {
  const { t } = useTranslation();
  if (region === null && version === null) return null;
  return (
    <p className={styles.facts}>
      {region === null ? null : <span>{t('nodes.region', { region })}</span>}
      {version === null ? null : <span>{t('nodes.version', { version })}</span>}
      {startedAt === null ? null : (
        <span>
          {t('nodes.started')} <Ago at={startedAt} />
        </span>
      )}
    </p>
  );
}

/** The words for it stand above. */
function Bar({ share }: { share: number }) {
  return (
    <svg
      className={styles.bar}
      viewBox="0 0 100 1"
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <rect width={100 * share} height="1" fill="currentColor" />
    </svg>
  );
}

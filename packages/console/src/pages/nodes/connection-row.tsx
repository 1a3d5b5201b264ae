import type { ConnectionInfo } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Ago } from '../../components/ago.js';
import { Tag } from '../../components/tag.js';
import { useDeviceName } from '../../components/use-device-name.js';
import styles from './nodes-page.module.css';

interface ConnectionRowProps {
  connection: ConnectionInfo;
  /** Of the one who looks at it. */
  yours: boolean;
  /** Absent where the list is of one person or screen already. */
  onOnly?(): void;
  onClose(): void;
}

/** As people call who or what is connected. */
export function nameOf({ username, screenName, screenId }: ConnectionInfo): string {
  return username ?? screenName ?? screenId ?? '';
}

export function ConnectionRow({ connection, yours, onOnly, onClose }: ConnectionRowProps) {
  const { t } = useTranslation();
  const name = nameOf(connection);
  return (
    <li className={styles.row} data-testid="connection">
      <div className={styles.what}>
        <p className={styles.name}>
          <Who connection={connection} />{' '}
          {connection.screenId === null ? null : <Tag>{t('connections.screen')}</Tag>}{' '}
          {yours ? <Tag>{t('connections.you')}</Tag> : null}{' '}
          {connection.sessionId.startsWith('key:') ? <Tag>{t('connections.apiKey')}</Tag> : null}
        </p>
        <ConnectionFacts connection={connection} />
      </div>
      <div className={styles.buttons}>
        {onOnly ? (
          <Button
            variant="default"
            size="xs"
            aria-label={t('connections.onlyThisNamed', { name })}
            onClick={onOnly}
          >
            {t('connections.onlyThis')}
          </Button>
        ) : null}
        <Button
          variant="subtle"
          color="red"
          size="xs"
          aria-label={t('connections.closeNamed', { name })}
          onClick={onClose}
        >
          {t('connections.close')}
        </Button>
      </div>
    </li>
  );
}

/** A screen leads to its page. */
function Who({ connection }: { connection: ConnectionInfo }) {
  const { screenId } = connection;
  const name = (
    <strong>
      <bdi>{nameOf(connection)}</bdi>
    </strong>
  );
  if (screenId === null) return name;
  return (
    <Link to="/screens/$screenId" params={{ screenId }} className={styles.link}>
      {name}
    </Link>
  );
}

function ConnectionFacts({ connection }: { connection: ConnectionInfo }) {
  const { t } = useTranslation();
  const { node, userAgent, address, transport, connectedAt, rooms } = connection;
  const device = useDeviceName()(userAgent);
  return (
    <>
      <p className={styles.facts}>
        <span>
          {t('connections.onNode')} <bdi>{node}</bdi>
        </span>
        <span>
          {t('connections.since')} <Ago at={connectedAt} />
        </span>
        {rooms > 0 ? <span>{t('connections.rooms', { count: rooms })}</span> : null}
      </p>
      <p className={styles.facts}>
        <code>{address}</code>
        <span>{t(`connections.transport.${transport}`)}</span>
        <bdi title={userAgent}>{device}</bdi>
      </p>
    </>
  );
}

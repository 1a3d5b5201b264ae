import { Button } from '@mantine/core';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ConnectionFilter, useConnections } from '../../admin/node-queries.js';
import { ConnectionFilters } from './connection-filters.js';
import { ConnectionList } from './connection-list.js';
import { nameOf } from './connection-row.js';
import styles from './nodes-page.module.css';

const route = getRouteApi('/signed-in/nodes');

interface ConnectionsProps {
  /** The one who looks at it. */
  userId: string;
  /** By name. */
  nodes: readonly string[];
}

/** All connections, or those of a node, a person or a screen. */
export function Connections({ userId, nodes }: ConnectionsProps) {
  const { t } = useTranslation();
  const filter = route.useSearch();
  const navigate = useNavigate();
  const query = useConnections(filter);
  const heading = useRef<HTMLHeadingElement>(null);
  const [shown, setShown] = useState(0);
  const { node, user, screen } = filter;
  const ofNode = node ? { node } : {};

  const show = (search: ConnectionFilter) => void navigate({ to: '/nodes', search, replace: true });
  /** By a button that goes. What was typed to find another one goes with it. */
  function showOther(search: ConnectionFilter) {
    show(search);
    setShown(shown + 1);
    heading.current?.focus({ preventScroll: true });
  }

  // The list itself knows the name of the one that it is narrowed to, unless it is empty.
  const narrowed = user ?? screen;
  const [first] = query.data?.pages[0]?.items ?? [];
  return (
    <section className={styles.section} aria-labelledby="connections">
      <div>
        <h2 id="connections" ref={heading} tabIndex={-1} className={styles.heading}>
          {t('connections.title')}
        </h2>
        <p className={styles.soft}>{t('connections.lead')}</p>
      </div>
      <ConnectionFilters key={shown} filter={filter} nodes={nodes} onChange={show} />
      {narrowed && query.data ? (
        <Narrowed to={first ? nameOf(first) : narrowed} onAll={() => showOther(ofNode)} />
      ) : null}
      <ConnectionList
        query={query}
        userId={userId}
        heading={heading}
        {...(narrowed ? {} : { onOnly: (one) => showOther({ ...ofNode, ...one }) })}
      />
    </section>
  );
}

function Narrowed({ to, onAll }: { to: string; onAll(): void }) {
  const { t } = useTranslation();
  return (
    <p className={styles.only}>
      <span>
        {t('connections.only')}{' '}
        <strong>
          <bdi>{to}</bdi>
        </strong>
      </span>
      <Button variant="default" size="xs" onClick={onAll}>
        {t('connections.showAll')}
      </Button>
    </p>
  );
}

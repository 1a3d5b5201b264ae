import type { ConnectionInfo } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ConnectionFilter, nodeKeys, useConnections } from '../../admin/node-queries.js';
import { PagedList } from '../../admin/paged-list.js';
import { DoneNote } from '../../components/done-note.js';
import note from '../../components/note.module.css';
import { useFocusKept } from '../../components/use-focus-kept.js';
import { CloseConnection } from './close-connection.js';
import { ConnectionFilters } from './connection-filters.js';
import { ConnectionRow, nameOf } from './connection-row.js';
import styles from './nodes-page.module.css';

const route = getRouteApi('/signed-in/nodes');

interface ConnectionsProps {
  /** The one who looks at it. */
  userId: string;
  /** By name. */
  nodes: readonly string[];
}

export function Connections({ userId, nodes }: ConnectionsProps) {
  const { t } = useTranslation();
  const filter = route.useSearch();
  const navigate = useNavigate();
  const query = useConnections(filter);
  const heading = useRef<HTMLHeadingElement>(null);
  const kept = useFocusKept(heading);
  const { asked, ask, dialog } = useAsked();
  const [done, setDone] = useState<string>();
  const queryClient = useQueryClient();
  const loaded = query.data?.pages ?? [];
  // The list itself knows the name of the one that it is narrowed to, unless it is empty.
  const narrowed = filter.user ?? filter.screen;
  const [first] = loaded[0]?.items ?? [];
  const narrowedTo = narrowed && query.data && (first ? nameOf(first) : narrowed);

  function show(search: ConnectionFilter) {
    setDone(undefined);
    void navigate({ to: '/nodes', search, replace: true });
  }
  function showAll() {
    show(filter.node ? { node: filter.node } : {});
    // The button that had the focus goes.
    heading.current?.focus({ preventScroll: true });
  }
  function tell(what: string) {
    setDone(what);
    void queryClient.invalidateQueries({ queryKey: nodeKeys.all });
  }

  return (
    <section className={styles.section} aria-labelledby="connections">
      <div>
        <h2 id="connections" ref={heading} tabIndex={-1} className={styles.heading}>
          {t('connections.title')}
        </h2>
        <p className={styles.soft}>{t('connections.lead')}</p>
      </div>
      <ConnectionFilters filter={filter} nodes={nodes} onChange={show} />
      {narrowedTo ? (
        <p className={styles.only}>
          <span>
            {t('connections.only')}{' '}
            <strong>
              <bdi>{narrowedTo}</bdi>
            </strong>
          </span>
          <Button variant="default" size="xs" onClick={showAll}>
            {t('connections.showAll')}
          </Button>
        </p>
      ) : null}
      <DoneNote>{done}</DoneNote>
      <MissingNote nodes={[...new Set(loaded.flatMap(({ missing }) => missing))]} />
      <PagedList
        query={query}
        label={t('connections.title')}
        empty={<p className={styles.soft}>{t('connections.none')}</p>}
        {...kept}
      >
        {(items) =>
          items.map((connection) => (
            <ConnectionRow
              key={connection.id}
              connection={connection}
              yours={connection.userId === userId}
              {...(narrowed ? {} : { onOnly: () => show(only(filter, connection)) })}
              onClose={() => ask(connection)}
            />
          ))
        }
      </PagedList>
      {asked ? (
        <CloseConnection
          connection={asked}
          yours={asked.userId === userId}
          {...dialog}
          onDone={() => {
            dialog.onClose();
            const kind = asked.screenId === null ? 'Person' : 'Screen';
            tell(t(`connections.closed${kind}`, { name: nameOf(asked) }));
          }}
        />
      ) : null}
    </section>
  );
}

/** The connection that is asked about; it stays in the dialog while that closes, also when its row is gone. */
function useAsked() {
  const [asked, setAsked] = useState<ConnectionInfo>();
  const [opened, setOpened] = useState(false);
  return {
    asked,
    ask(connection: ConnectionInfo) {
      setAsked(connection);
      setOpened(true);
    },
    dialog: { opened, onClose: () => setOpened(false) },
  };
}

/** Those of the same person or screen, on whatever node the list is of. */
function only({ node }: ConnectionFilter, { userId, screenId }: ConnectionInfo): ConnectionFilter {
  return {
    ...(node ? { node } : {}),
    ...(userId === null ? {} : { user: userId }),
    ...(screenId === null ? {} : { screen: screenId }),
  };
}

/** Always there, so that a screen reader hears it come. */
function MissingNote({ nodes }: { nodes: readonly string[] }) {
  const { t, i18n } = useTranslation();
  return (
    <div role="status" className={styles.live}>
      {nodes.length === 0 ? null : (
        <p className={note.note}>
          {t('connections.missing', { nodes: new Intl.ListFormat(i18n.language).format(nodes) })}
        </p>
      )}
    </div>
  );
}

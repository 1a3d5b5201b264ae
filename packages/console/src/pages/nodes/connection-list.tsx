import type { ConnectionInfo } from '@bongsu/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { type RefObject, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ConnectionFilter, nodeKeys, type useConnections } from '../../admin/node-queries.js';
import { PagedList } from '../../admin/paged-list.js';
import { DoneNote } from '../../components/done-note.js';
import note from '../../components/note.module.css';
import { useFocusKept } from '../../components/use-focus-kept.js';
import { CloseConnection } from './close-connection.js';
import { ConnectionRow, nameOf } from './connection-row.js';
import styles from './nodes-page.module.css';

interface ConnectionListProps {
  query: ReturnType<typeof useConnections>;
  /** The one who looks at it. */
  userId: string;
  /** Where the focus goes when no row is left. */
  heading: RefObject<HTMLElement | null>;
  /** Narrows the list; absent where it is of one person or screen already. */
  onOnly?(one: Pick<ConnectionFilter, 'user' | 'screen'>): void;
}

export function ConnectionList({ query, userId, heading, onOnly }: ConnectionListProps) {
  const { t } = useTranslation();
  const kept = useFocusKept(heading);
  const { asked, ask, done, dialog } = useClosing();
  const missing = query.data?.pages.flatMap((page) => page.missing) ?? [];
  return (
    <>
      <DoneNote>{done}</DoneNote>
      <MissingNote nodes={[...new Set(missing)]} />
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
              {...(onOnly ? { onOnly: () => onOnly(whose(connection)) } : {})}
              onClose={() => ask(connection)}
            />
          ))
        }
      </PagedList>
      {asked ? <CloseConnection connection={asked} yours={asked.userId === userId} {...dialog} /> : null}
    </>
  );
}

/** The connection that is asked about; it stays in the dialog while that closes, also when its row is gone. */
function useClosing() {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState<ConnectionInfo>();
  const [opened, setOpened] = useState(false);
  const [done, setDone] = useState<string>();
  return {
    asked,
    done,
    ask(connection: ConnectionInfo) {
      setAsked(connection);
      setOpened(true);
    },
    dialog: {
      opened,
      onClose: () => setOpened(false),
      onDone(connection: ConnectionInfo) {
        setOpened(false);
        const kind = connection.screenId === null ? 'Person' : 'Screen';
        setDone(t(`connections.closed${kind}`, { name: nameOf(connection) }));
        void queryClient.invalidateQueries({ queryKey: nodeKeys.all });
      },
    },
  };
}

function whose({ userId, screenId }: ConnectionInfo): Pick<ConnectionFilter, 'user' | 'screen'> {
  return {
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

import { Button, Skeleton } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useRoomHistory } from '../../admin/room-queries.js';
import { toProblem } from '../../api/problem.js';
import type { RoomEntry } from '../../api/room-calls.js';
import { saying } from '../../commands/command-state.js';
import { Payload } from '../../commands/payload.js';
import { Ago } from '../../components/ago.js';
import detail from '../../components/detail.module.css';
import page from '../../components/page.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { Tag } from '../../components/tag.js';
import { MessageBox } from './message-box.js';
import styles from './room-detail-page.module.css';

/** What was said in the room and sent to its screens, newest first. */
export function RoomHistory({ roomId, maySay }: { roomId: string; maySay: boolean }) {
  const { t } = useTranslation();
  const query = useRoomHistory(roomId);
  const entries = (query.data?.pages ?? []).flatMap(({ items }) => [...items].reverse());
  return (
    <section className={`${page.panel} ${detail.section} ${styles.section}`} aria-labelledby="history">
      <div>
        <h2 id="history">{t('room.history')}</h2>
        <p className={detail.hint}>{t('room.historyLead')}</p>
      </div>
      {maySay ? <MessageBox roomId={roomId} /> : null}
      {query.isPending ? <Skeleton height={96} radius="md" aria-label={t('common.loading')} /> : null}
      {query.data && entries.length === 0 ? <p>{t('room.nothingSaid')}</p> : null}
      {entries.length > 0 ? (
        <ol className={styles.history} reversed>
          {entries.map((entry) => (
            <Said key={`${entry.seq} ${entry.id}`} entry={entry} />
          ))}
        </ol>
      ) : null}
      <ProblemNote problem={query.error ? toProblem(query.error) : undefined} />
      {query.hasNextPage ? (
        <Button
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {t('room.earlier')}
        </Button>
      ) : null}
    </section>
  );
}

function Said({ entry }: { entry: RoomEntry }) {
  const { t } = useTranslation();
  const { type, from, acceptedAt, data } = entry;
  return (
    <li className={styles.said} data-testid="said">
      <p className={styles.soft}>
        <bdi className={styles.from}>{from.username}</bdi> <Ago at={acceptedAt} />
      </p>
      {type === 'message' ? (
        <Message data={data} />
      ) : (
        <>
          <p>
            <bdi>{saying(type, entry)}</bdi> <Tag>{t(`commands.types.${type}`)}</Tag>
          </p>
          {data === undefined ? null : <Payload value={data} label={t('commands.dataOf', { what: type })} />}
        </>
      )}
    </li>
  );
}

/** A text as a text, whatever it says; anything else as the JSON that it is. */
function Message({ data }: { data: unknown }) {
  const { t } = useTranslation();
  const text = textOf(data);
  if (text === undefined) return <Payload value={data} label={t('room.message')} />;
  return (
    <p className={styles.text}>
      <bdi>{text}</bdi>
    </p>
  );
}

function textOf(data: unknown): string | undefined {
  if (typeof data === 'string') return data;
  if (typeof data !== 'object' || data === null || Object.keys(data).length !== 1) return undefined;
  const { text } = data as { text?: unknown };
  return typeof text === 'string' ? text : undefined;
}

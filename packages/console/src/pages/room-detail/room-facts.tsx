import type { Participant, Room } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { useUser } from '../../admin/services.js';
import { Ago } from '../../components/ago.js';
import { Copyable } from '../../components/copyable.js';
import details from '../../components/details.module.css';
import page from '../../components/page.module.css';
import { RoomTags } from '../../rooms/room-tags.js';
import styles from './room-detail-page.module.css';

interface RoomFactsProps {
  room: Room;
  /** Those who are known to be in it. */
  people: readonly Participant[] | undefined;
}

export function RoomFacts({ room, people = [] }: RoomFactsProps) {
  const { t } = useTranslation();
  const user = useUser();
  const { status, persistent, participants, maxUsers, roomId, ownerId, commanders, createdAt, endedAt } =
    room;
  const isOpen = status === 'open';
  const owner = people.find(({ userId }) => userId === ownerId)?.username;
  return (
    <section className={page.panel} aria-label={t('room.facts')}>
      <dl className={details.list}>
        <dt>{t('room.state')}</dt>
        <dd>
          {isOpen ? t('rooms.people', { count: participants, max: maxUsers }) : null} <RoomTags room={room} />
          {isOpen && participants === 0 && !persistent ? (
            <p className={styles.soft}>{t('room.closesItself')}</p>
          ) : null}
        </dd>
        <dt>{t('room.id')}</dt>
        <dd>
          <Copyable value={roomId} label={t('room.id')} />
        </dd>
        {isOpen ? (
          <>
            <dt>{t('room.link')}</dt>
            <dd>
              <Copyable
                value={`${location.origin}/rooms/${encodeURIComponent(roomId)}/call`}
                label={t('room.link')}
              />
            </dd>
          </>
        ) : null}
        <dt>{t('room.owner')}</dt>
        <dd>
          {ownerId === user?.userId ? (
            t('room.ownerYou')
          ) : owner ? (
            <bdi>{owner}</bdi>
          ) : (
            <code>{ownerId}</code>
          )}
        </dd>
        <dt>{t('room.commanders')}</dt>
        <dd>{t(`rooms.commanders.${commanders}`)}</dd>
        <dt>{t('room.made')}</dt>
        <dd>
          <Ago at={createdAt} />
        </dd>
        {endedAt === null ? null : (
          <>
            <dt>{t('room.ended')}</dt>
            <dd>
              <Ago at={endedAt} />
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

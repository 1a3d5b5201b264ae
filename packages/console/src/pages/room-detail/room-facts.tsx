import type { Room } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { useUser } from '../../admin/services.js';
import { Ago } from '../../components/ago.js';
import { Copyable } from '../../components/copyable.js';
import details from '../../components/details.module.css';
import page from '../../components/page.module.css';
import { RoomTags } from '../../rooms/room-tags.js';

export function RoomFacts({ room }: { room: Room }) {
  const { t } = useTranslation();
  const user = useUser();
  const { participants, maxUsers, roomId, ownerId, commanders, createdAt, endedAt } = room;
  return (
    <section className={page.panel} aria-label={t('room.facts')}>
      <dl className={details.list}>
        <dt>{t('room.state')}</dt>
        <dd>
          {t('rooms.people', { count: participants, max: maxUsers })} <RoomTags room={room} />
        </dd>
        <dt>{t('room.id')}</dt>
        <dd>
          <Copyable value={roomId} label={t('room.id')} />
        </dd>
        <dt>{t('room.link')}</dt>
        <dd>
          <Copyable
            value={`${location.origin}/rooms/${encodeURIComponent(roomId)}/call`}
            label={t('room.link')}
          />
        </dd>
        <dt>{t('room.owner')}</dt>
        <dd>{ownerId === user?.userId ? t('room.ownerYou') : <code>{ownerId}</code>}</dd>
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

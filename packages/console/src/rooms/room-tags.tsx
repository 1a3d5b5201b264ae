import type { Room } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { Tag } from '../components/tag.js';

/** What sets a room apart: that it is closed or locked, has a lobby, stays. */
export function RoomTags({ room }: { room: Room }) {
  const { t } = useTranslation();
  const { status, locked, lobby, persistent, waiting } = room;
  return (
    <>
      {status === 'closed' ? <Tag tone="alert">{t('rooms.closed')}</Tag> : null}{' '}
      {locked ? <Tag tone="alert">{t('rooms.locked')}</Tag> : null}{' '}
      {lobby ? <Tag>{t('rooms.lobby')}</Tag> : null}{' '}
      {waiting > 0 ? <Tag tone="alert">{t('rooms.waiting', { count: waiting })}</Tag> : null}{' '}
      {persistent ? <Tag>{t('rooms.persistent')}</Tag> : null}
    </>
  );
}

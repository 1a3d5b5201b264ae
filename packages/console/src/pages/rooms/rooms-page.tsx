import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { PagedList } from '../../admin/paged-list.js';
import { useRooms } from '../../admin/room-queries.js';
import { useUser } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { Empty } from '../../components/empty.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import { CreateRoomDialog } from './create-room-dialog.js';
import { JoinById } from './join-by-id.js';
import { RoomRow } from './room-row.js';

/** The rooms that one owns or is in; an administrator's: all. */
export function RoomsPage() {
  const { t } = useTranslation();
  const rooms = useRooms();
  const user = useUser();
  const [creating, setCreating] = useState(false);
  usePageTitle(t('rooms.title'));
  const count = rooms.data?.pages[0]?.items.length ?? 0;
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setCreating(true)}>
      {t('rooms.create')}
    </Button>
  );
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('rooms.title')}</h1>
          <p className={page.lead}>{user?.role === 'admin' ? t('rooms.leadAdmin') : t('rooms.lead')}</p>
        </div>
        {count > 0 ? create : null}
      </header>
      <div className={page.stack}>
        <PagedList
          query={rooms}
          label={t('rooms.title')}
          empty={
            <Empty title={t('rooms.emptyTitle')}>
              <p>{t('rooms.empty')}</p>
              <div>{create}</div>
            </Empty>
          }
        >
          {(items) => items.map((room) => <RoomRow key={room.roomId} room={room} />)}
        </PagedList>
        <JoinById />
      </div>
      <CreateRoomDialog opened={creating} onClose={() => setCreating(false)} />
    </>
  );
}

import type { Room } from '@bongsu/protocol';
import { Button, Skeleton } from '@mantine/core';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { mayManageRoom, useParticipants, useRoom } from '../../admin/room-queries.js';
import { useUser } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { toProblem } from '../../api/problem.js';
import { Beacon } from '../../components/beacon.js';
import detail from '../../components/detail.module.css';
import { Failed } from '../../components/failed.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import { attended, isMember, mayCommand } from '../../rooms/attendance.js';
import { CloseRoom } from './close-room.js';
import { ManageRoom } from './manage-room.js';
import { People } from './people.js';
import styles from './room-detail-page.module.css';
import { RoomFacts } from './room-facts.js';
import { RoomHistory } from './room-history.js';
import { RoomScreens } from './room-screens.js';

const route = getRouteApi('/signed-in/rooms/$roomId');

export function RoomDetailPage() {
  const { t } = useTranslation();
  const { roomId } = route.useParams();
  const room = useRoom(roomId);
  usePageTitle(room.data?.name ?? t('rooms.title'));
  // To its members a room that closed does not exist any more, whatever was read of it before.
  const isGone = room.error !== null && toProblem(room.error).code === 'ROOM_NOT_FOUND';
  const data = isGone ? undefined : room.data;
  return (
    <>
      <Link to="/rooms" className={page.back}>
        <Icon name="back" /> {t('rooms.title')}
      </Link>
      {room.isPending ? <Skeleton height={160} radius="md" aria-label={t('common.loading')} /> : null}
      {room.error && !data ? (
        <Failed
          error={room.error}
          retrying={room.isFetching}
          onRetry={() => void room.refetch()}
          back={<Link to="/rooms">{t('room.toRooms')}</Link>}
        />
      ) : null}
      {data ? <Loaded room={data} /> : null}
    </>
  );
}

function Loaded({ room: read }: { room: Room }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const user = useUser();
  const { roomId, status } = read;
  const isOpen = status === 'open';
  const { data: people } = useParticipants(roomId, { enabled: isOpen });
  const room = isOpen ? attended(read, people) : read;
  const mayManage = mayManageRoom(user, room);
  const isIn = isMember(user, room, people);
  return (
    <>
      <header className={page.head}>
        <h1 className={detail.name}>
          <Beacon lit={room.participants > 0} />
          <bdi>{room.name}</bdi>
        </h1>
        {isOpen ? (
          <div className={`${detail.actions} ${styles.actions}`}>
            {mayManage ? <ManageRoom room={room} /> : null}
            <Button
              leftSection={<Icon name="camera" />}
              onClick={() => void navigate({ to: '/rooms/$roomId/call', params: { roomId } })}
            >
              {t('rooms.call')}
            </Button>
            {mayManage ? <CloseRoom room={room} /> : null}
          </div>
        ) : null}
      </header>
      <div className={page.stack}>
        <RoomFacts room={room} people={people} />
        {isOpen ? (
          <>
            <People room={room} mayManage={mayManage} />
            <RoomScreens
              room={room}
              mayManage={mayManage}
              mayAdd={isIn}
              mayCommand={mayCommand(user, room, isIn)}
            />
            <RoomHistory roomId={roomId} maySay={isIn} />
          </>
        ) : (
          <p>{t('room.over')}</p>
        )}
      </div>
    </>
  );
}

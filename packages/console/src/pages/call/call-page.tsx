import { Skeleton } from '@mantine/core';
import { getRouteApi, Link, lazyRouteComponent } from '@tanstack/react-router';
import { Suspense, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useRoom } from '../../admin/room-queries.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { Icon } from '../../components/icon.js';
import page from '../../components/page.module.css';
import type { Call } from '../../rooms/call.js';
import { BeforeCall } from './before-call.js';
import { useCall, useCallState } from './use-call.js';

// Whoever only looks in loads no call.
const InCall = lazyRouteComponent(() => import('./in-call.js'), 'InCall');
const route = getRouteApi('/signed-in/rooms/$roomId/call');

export function CallPage() {
  const { t } = useTranslation();
  const { roomId } = route.useParams();
  const call = useCall(roomId);
  // Who is no member yet may not read the room, and sees its id until then.
  const room = useRoom(roomId);
  const name = room.data?.name ?? roomId;
  const isKnown = room.data !== undefined && !room.error;
  const isOpen = isKnown && room.data.status === 'open';
  // Of any other room only a join says whether there is one, and no light goes on for none.
  useEffect(() => {
    if (isOpen && call && !call.state.end) void call.media.resume();
  }, [isOpen, call]);
  usePageTitle(t('call.title', { name }));
  return (
    <>
      {isKnown ? (
        <Link to="/rooms/$roomId" params={{ roomId }} className={page.back}>
          <Icon name="back" /> {t('call.toRoom')}
        </Link>
      ) : (
        <Link to="/rooms" className={page.back}>
          <Icon name="back" /> {t('rooms.title')}
        </Link>
      )}
      {call ? <Phases call={call} roomId={roomId} name={name} isPending={room.isPending} /> : <Loading />}
    </>
  );
}

interface PhasesProps {
  call: Call;
  roomId: string;
  name: string;
  /** What the room is called is not known yet. */
  isPending: boolean;
}

function Phases({ call, roomId, name, isPending }: PhasesProps) {
  const state = useCallState(call);
  const { phase } = state;
  if (isPending && phase === 'ready') return <Loading />;
  return phase === 'joined' || phase === 'reconnecting' ? (
    <Suspense fallback={<Loading />}>
      <InCall call={call} state={state} roomId={roomId} name={name} />
    </Suspense>
  ) : (
    <BeforeCall call={call} state={state} name={name} />
  );
}

function Loading() {
  const { t } = useTranslation();
  return <Skeleton height={320} radius="md" aria-label={t('common.loading')} />;
}

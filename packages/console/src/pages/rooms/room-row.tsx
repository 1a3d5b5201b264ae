import type { Room } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Beacon } from '../../components/beacon.js';
import { Icon } from '../../components/icon.js';
import row from '../../components/row.module.css';
import { RoomTags } from '../../rooms/room-tags.js';

export function RoomRow({ room }: { room: Room }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { roomId, name, participants, maxUsers, status } = room;
  return (
    <li className={row.row} data-testid="room">
      <Beacon lit={participants > 0} />
      <div className={row.what}>
        <Link to="/rooms/$roomId" params={{ roomId }} className={row.name}>
          <bdi>{name}</bdi>
        </Link>
        <span className={row.state}>
          <span data-lit={participants > 0}>{t('rooms.people', { count: participants, max: maxUsers })}</span>{' '}
          <RoomTags room={room} />
        </span>
      </div>
      {status === 'open' ? (
        <div className={row.side}>
          <Button
            variant="default"
            size="sm"
            leftSection={<Icon name="camera" />}
            aria-label={t('rooms.callNamed', { name })}
            onClick={() => void navigate({ to: '/rooms/$roomId/call', params: { roomId } })}
          >
            {t('rooms.call')}
          </Button>
        </div>
      ) : null}
    </li>
  );
}

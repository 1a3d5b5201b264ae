import { Button, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { readRoomId } from '../../rooms/room-id.js';
import styles from './rooms-page.module.css';

/** Whoever knows a room's id, or has its link, may join it. */
export function JoinById() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [typed, setTyped] = useState('');
  const [refused, setRefused] = useState(false);
  function join(event: FormEvent) {
    event.preventDefault();
    const roomId = readRoomId(typed, location.origin);
    setRefused(roomId === undefined);
    if (roomId !== undefined) void navigate({ to: '/rooms/$roomId/call', params: { roomId } });
  }
  return (
    <form className={styles.join} onSubmit={join} noValidate>
      <TextInput
        name="roomId"
        label={t('rooms.joinById')}
        description={t('rooms.joinByIdHint')}
        error={refused ? t('rooms.joinByIdFault') : null}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
      />
      <Button type="submit" variant="default" disabled={typed.trim() === ''}>
        {t('rooms.join')}
      </Button>
    </form>
  );
}

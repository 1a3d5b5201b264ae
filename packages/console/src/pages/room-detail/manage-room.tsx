import type { Room } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useServices } from '../../admin/services.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import { RenameDialog } from '../../components/rename-dialog.js';
import { LockButton } from '../../rooms/lock-button.js';

/** A new name, locking, which is taken back as easily, and closing, which is not. */
export function ManageRoom({ room }: { room: Room }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [closing, setClosing] = useState(false);
  const [renaming, setRenaming] = useState(false);
  const { roomId, name, participants } = room;
  const refresh = () => queryClient.invalidateQueries({ queryKey: roomKeys.rooms });
  async function closed() {
    await navigate({ to: '/rooms' });
    queryClient.removeQueries({ queryKey: roomKeys.room(roomId) });
    await queryClient.invalidateQueries({ queryKey: roomKeys.lists });
  }
  return (
    <>
      <Button variant="subtle" color="red" onClick={() => setClosing(true)}>
        {t('room.close')}
      </Button>
      <Button variant="default" onClick={() => setRenaming(true)}>
        {t('rename.open')}
      </Button>
      <LockButton room={room} />
      <RenameDialog
        title={t('room.renameTitle')}
        label={t('newRoom.name')}
        name={name}
        opened={renaming}
        onClose={() => setRenaming(false)}
        action={(next) => api.renameRoom(roomId, next)}
        onDone={() => void refresh()}
      />
      <ConfirmDialog
        opened={closing}
        onClose={() => setClosing(false)}
        title={t('room.closeTitle', { name })}
        confirm={t('room.closeConfirm')}
        action={() => api.closeRoom(roomId)}
        onDone={() => void closed()}
      >
        {t('room.closeText')} {participants > 0 ? t('room.closePeople', { count: participants }) : null}
      </ConfirmDialog>
    </>
  );
}

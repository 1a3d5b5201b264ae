import type { Room } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useServices } from '../../admin/services.js';
import { RenameDialog } from '../../components/rename-dialog.js';
import { LockButton } from '../../rooms/lock-button.js';

/** A new name, and a lock: both are taken back as easily. */
export function ManageRoom({ room }: { room: Room }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const [renaming, setRenaming] = useState(false);
  const { roomId, name } = room;
  const refresh = () => queryClient.invalidateQueries({ queryKey: roomKeys.rooms });
  return (
    <>
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
    </>
  );
}

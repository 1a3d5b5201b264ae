import type { RoomUser } from '@bongsu/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../admin/room-queries.js';
import { useServices } from '../admin/services.js';
import { ConfirmDialog } from '../components/confirm-dialog.js';

interface PutOutDialogProps {
  roomId: string;
  /** From the room, or from its door: both last until the room ends. */
  kind: 'kick' | 'refuse';
  person: RoomUser;
  opened: boolean;
  onClose(): void;
}

export function PutOutDialog({ roomId, kind, person, opened, onClose }: PutOutDialogProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const { participantId, username: name } = person;
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={t(`room.${kind}Title`, { name })}
      confirm={t(`room.${kind}`)}
      explain={({ code }) => (code === 'PARTICIPANT_NOT_FOUND' ? t('room.kickGone', { name }) : undefined)}
      action={() => api.kick(roomId, participantId)}
      onDone={() => {
        onClose();
        void queryClient.invalidateQueries({ queryKey: roomKeys.room(roomId) });
      }}
    >
      {t(`room.${kind}Text`)}
    </ConfirmDialog>
  );
}

/** Who is asked about; they stay in the dialog while it closes. */
export function usePutOut() {
  const [person, setPerson] = useState<RoomUser>();
  const [opened, setOpened] = useState(false);
  return {
    person,
    opened,
    ask(whom: RoomUser) {
      setPerson(whom);
      setOpened(true);
    },
    onClose: () => setOpened(false),
  };
}

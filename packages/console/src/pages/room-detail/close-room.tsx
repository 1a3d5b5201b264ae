import type { Room } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useServices } from '../../admin/services.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import styles from './room-detail-page.module.css';

export function CloseRoom({ room }: { room: Room }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [asking, setAsking] = useState(false);
  const { roomId, name, participants } = room;
  async function closed() {
    await navigate({ to: '/rooms' });
    queryClient.removeQueries({ queryKey: roomKeys.room(roomId) });
    await queryClient.invalidateQueries({ queryKey: roomKeys.lists });
  }
  return (
    <>
      <Button className={styles.close} variant="subtle" color="red" onClick={() => setAsking(true)}>
        {t('room.close')}
      </Button>
      <ConfirmDialog
        opened={asking}
        onClose={() => setAsking(false)}
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

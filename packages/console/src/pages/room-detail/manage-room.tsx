import type { Room } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useServices } from '../../admin/services.js';
import { toProblem } from '../../api/problem.js';
import { Icon } from '../../components/icon.js';
import { ProblemNote } from '../../components/problem-note.js';
import { RenameDialog } from '../../components/rename-dialog.js';
import styles from './room-detail-page.module.css';

/** A new name, and a lock: both are taken back as easily. */
export function ManageRoom({ room }: { room: Room }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const [renaming, setRenaming] = useState(false);
  const { roomId, locked, name } = room;
  const refresh = () => queryClient.invalidateQueries({ queryKey: roomKeys.rooms });
  const lock = useMutation({
    mutationFn: (lockIt: boolean) => api.lockRoom(roomId, lockIt),
    onSettled: refresh,
  });
  return (
    <>
      <Button variant="default" onClick={() => setRenaming(true)}>
        {t('rename.open')}
      </Button>
      <Button
        variant="default"
        leftSection={<Icon name={locked ? 'unlock' : 'lock'} />}
        loading={lock.isPending}
        onClick={() => lock.mutate(!locked)}
      >
        {locked ? t('room.unlock') : t('room.lock')}
      </Button>
      {lock.error ? (
        <div className={styles.wide}>
          <ProblemNote problem={toProblem(lock.error)} />
        </div>
      ) : null}
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

import type { Room } from '@bongsu/protocol';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../admin/room-queries.js';
import { useServices } from '../admin/services.js';
import { toProblem } from '../api/problem.js';
import { Icon } from '../components/icon.js';
import { ProblemNote } from '../components/problem-note.js';
import { BusyButton } from './busy-button.js';
import styles from './lock-button.module.css';

/** Locks a room and unlocks it, one as easily as the other. */
export function LockButton({ room }: { room: Room }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const { roomId, locked } = room;
  const lock = useMutation({
    mutationFn: (lockIt: boolean) => api.lockRoom(roomId, lockIt),
    onSettled: () => queryClient.invalidateQueries({ queryKey: roomKeys.rooms }),
  });
  return (
    <>
      <BusyButton
        variant="default"
        leftSection={<Icon name={locked ? 'unlock' : 'lock'} />}
        busy={lock.isPending}
        onClick={() => lock.mutate(!locked)}
      >
        {locked ? t('room.unlock') : t('room.lock')}
      </BusyButton>
      {lock.error ? (
        <div className={styles.problem}>
          <ProblemNote problem={toProblem(lock.error)} />
        </div>
      ) : null}
    </>
  );
}

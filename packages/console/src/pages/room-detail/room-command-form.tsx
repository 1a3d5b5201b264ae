import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useServices } from '../../admin/services.js';
import type { Draft } from '../../api/live.js';
import { toProblem } from '../../api/problem.js';
import { CommandForm } from '../../commands/command-form.js';
import { DoneNote } from '../../components/done-note.js';
import { ProblemNote } from '../../components/problem-note.js';

/** Stays after a command was accepted: the next one is often the same with another action. */
export function RoomCommandForm({ roomId }: { roomId: string }) {
  const { t } = useTranslation();
  const { live } = useServices();
  const queryClient = useQueryClient();
  const sending = useMutation({
    mutationFn: (draft: Draft) => live.send(draft),
    onSettled: () => queryClient.invalidateQueries({ queryKey: roomKeys.room(roomId) }),
  });
  const { data: sent, error } = sending;
  return (
    <>
      <CommandForm
        target={{ roomId }}
        pending={sending.isPending}
        onSend={(draft) => sending.mutate(draft)}
      />
      <ProblemNote problem={error ? toProblem(error) : undefined} />
      <DoneNote>
        {sent ? (
          <>
            {t('room.commandAccepted', { seq: sent.seq })}{' '}
            <Link to="/commands/$commandId" params={{ commandId: sent.id }}>
              {t('room.commandFollow')}
            </Link>
          </>
        ) : null}
      </DoneNote>
    </>
  );
}

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { roomKeys } from '../admin/room-queries.js';
import { useServices } from '../admin/services.js';

/** Lets somebody in by their participant id, or lets them come again. */
export function useAdmit(roomId: string) {
  const { api } = useServices();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (participantId: string) => api.admit(roomId, participantId),
    onSettled: () => queryClient.invalidateQueries({ queryKey: roomKeys.room(roomId) }),
  });
}

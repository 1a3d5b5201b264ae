import type { Room } from '@bongsu/protocol';
import { Button, Checkbox, Modal, NativeSelect, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useServices } from '../../admin/services.js';
import type { NewRoom } from '../../api/room-calls.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';

const MANY = 10;

/** What the fields of the form say. An empty id is left for the server to make up. */
function toRoom(fields: Record<string, string>): NewRoom {
  const { name = '', maxUsers = '', roomId = '' } = fields;
  return {
    name,
    // Whatever is no number the server refuses.
    maxUsers: Number(maxUsers),
    lobby: fields.lobby === 'on',
    persistent: fields.persistent === 'on',
    commanders: fields.commanders === 'members' ? 'members' : 'owner',
    ...(roomId.trim() === '' ? {} : { roomId: roomId.trim() }),
  };
}

export function CreateRoomDialog({ opened, onClose }: { opened: boolean; onClose(): void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('newRoom.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <RoomForm onCancel={onClose} />
    </Modal>
  );
}

function RoomForm({ onCancel }: { onCancel(): void }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const submit = useSubmit(
    (fields) => api.createRoom(toRoom(fields)),
    ({ roomId }: Room) => {
      void queryClient.invalidateQueries({ queryKey: roomKeys.lists });
      void navigate({ to: '/rooms/$roomId', params: { roomId } });
    },
  );
  const taken = submit.problem?.code === 'CONFLICT';
  return (
    <form className={form.form} onSubmit={submit.onSubmit} noValidate>
      <TextInput
        name="name"
        label={t('newRoom.name')}
        description={t('newRoom.nameHint')}
        error={submit.errorOf('name') && t('newRoom.nameFault')}
        autoComplete="off"
        data-autofocus
      />
      <TextInput
        name="roomId"
        label={t('newRoom.roomId')}
        description={t('newRoom.roomIdHint')}
        error={taken ? t('newRoom.taken') : submit.errorOf('roomId') && t('newRoom.roomIdFault')}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
      />
      <TextInput
        name="maxUsers"
        type="number"
        min={1}
        max={1000}
        label={t('newRoom.maxUsers')}
        description={t('newRoom.maxUsersHint')}
        defaultValue={MANY}
        error={submit.errorOf('maxUsers') && t('newRoom.maxUsersFault')}
      />
      <Checkbox name="lobby" label={t('newRoom.lobby')} description={t('newRoom.lobbyHint')} />
      <Checkbox
        name="persistent"
        label={t('newRoom.persistent')}
        description={t('newRoom.persistentHint')}
        // A room that is made here and now is mostly for later.
        defaultChecked
      />
      <NativeSelect
        name="commanders"
        label={t('newRoom.commanders')}
        description={t('newRoom.commandersHint')}
        data={[
          { value: 'owner', label: t('rooms.commanders.owner') },
          { value: 'members', label: t('rooms.commanders.members') },
        ]}
      />
      <ProblemNote problem={taken ? undefined : submit.problem} />
      <div className={form.actions}>
        <Button variant="default" onClick={onCancel}>
          {t('common.cancel')}
        </Button>
        <Button type="submit" loading={submit.pending}>
          {t('rooms.create')}
        </Button>
      </div>
    </form>
  );
}

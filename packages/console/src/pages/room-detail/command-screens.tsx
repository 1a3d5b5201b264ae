import type { Room } from '@bongsu/protocol';
import { Button, Modal, Skeleton } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import form from '../../components/form.module.css';

/** Loaded by those who open it: its fields would bring the page over the budget of a first visit. */
const RoomCommandForm = lazy(async () => {
  const { RoomCommandForm: component } = await import('./room-command-form.js');
  return { default: component };
});

/** Sends a trigger or a navigate to the room, for all of its screens. */
export function CommandScreens({ room }: { room: Room }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const { roomId, name, screens } = room;
  return (
    <div>
      <Button variant="default" onClick={() => setOpened(true)}>
        {t('room.command')}
      </Button>
      <Modal
        opened={opened}
        onClose={() => setOpened(false)}
        title={t('room.commandTitle', { name })}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <div className={form.form}>
          <p className={form.lead}>{t('room.commandLead', { count: screens.length })}</p>
          <Suspense fallback={<Skeleton height={320} radius="md" aria-label={t('common.loading')} />}>
            <RoomCommandForm roomId={roomId} />
          </Suspense>
        </div>
      </Modal>
    </div>
  );
}

import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { keys } from '../admin/queries.js';
import { useServices } from '../admin/services.js';
import { showCommand } from '../admin/use-live-commands.js';
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { type ShownCommand, saying } from './command-state.js';

/** Withdraws a command that waits, after asking. Renders nothing for one that has ended. */
export function CancelCommand({
  command,
  senderId,
}: {
  command: ShownCommand;
  senderId: string | undefined;
}) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const [opened, setOpened] = useState(false);
  const what = saying(command.type, command.payload);
  const close = () => setOpened(false);
  async function cancel() {
    try {
      const after = await api.cancelCommand(command.id, senderId);
      showCommand(queryClient, { ...command, ...after }, senderId);
    } catch (error) {
      // What the page shows was wrong, or is about to be.
      void queryClient.invalidateQueries({ queryKey: keys.commands });
      throw error;
    }
  }
  if (command.status !== 'accepted' && !opened) return null;
  return (
    <>
      <Button
        variant="default"
        size="xs"
        aria-label={t('commands.cancelNamed', { what })}
        onClick={() => setOpened(true)}
      >
        {t('common.cancel')}
      </Button>
      <ConfirmDialog
        opened={opened}
        onClose={close}
        title={t('commands.cancelTitle', { what })}
        confirm={t('commands.cancelConfirm')}
        dismiss={t('commands.cancelKeep')}
        explain={({ code }) => (code === 'CONFLICT' ? t('commands.cancelTooLate') : undefined)}
        action={cancel}
        onDone={close}
      >
        {t('commands.cancelText')}
      </ConfirmDialog>
    </>
  );
}

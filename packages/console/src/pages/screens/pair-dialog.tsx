import type { ClaimedPairing } from '@bongsu/protocol';
import { Modal } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { keys } from '../../admin/queries.js';
import { ConfirmDevice } from './confirm-device.js';
import { EnterCode } from './enter-code.js';

/** Two steps: the code from the screen, then a look at the device that asked for it. */
export function PairDialog({ opened, onClose }: { opened: boolean; onClose(): void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [claimed, setClaimed] = useState<ClaimedPairing>();

  function close() {
    onClose();
    setClaimed(undefined);
    void queryClient.invalidateQueries({ queryKey: keys.screens });
  }

  return (
    <Modal
      opened={opened}
      onClose={close}
      title={claimed ? t('pair.confirmTitle') : t('pair.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
      // A stray click must not leave a device unconfirmed.
      closeOnClickOutside={!claimed}
    >
      {claimed ? (
        <ConfirmDevice claimed={claimed} onDone={close} />
      ) : (
        <EnterCode onClaimed={setClaimed} onCancel={close} />
      )}
    </Modal>
  );
}

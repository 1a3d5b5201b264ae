import { type ShouldBlockFn, useBlocker } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import type { Call } from '../../rooms/call.js';

/** Another page ends the call, so it asks first. A reload does not: it comes back into the call. */
export function LeaveGuard({ call }: { call: Call }) {
  const { t } = useTranslation();
  const shouldBlockFn = useCallback<ShouldBlockFn>(
    ({ current, next }) => call.state.phase !== 'ready' && current.pathname !== next.pathname,
    [call],
  );
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn,
    enableBeforeUnload: false,
    withResolver: true,
  });
  return (
    <ConfirmDialog
      opened={status === 'blocked'}
      onClose={() => reset?.()}
      title={t('call.leaveTitle')}
      confirm={t('call.leaveConfirm')}
      dismiss={t('call.stay')}
      action={async () => proceed?.()}
      onDone={() => undefined}
    >
      {t('call.leaveText')}
    </ConfirmDialog>
  );
}

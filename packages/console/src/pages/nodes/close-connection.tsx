import type { ConnectionInfo } from '@bongsu/protocol';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import { nameOf } from './connection-row.js';

interface CloseConnectionProps {
  connection: ConnectionInfo;
  /** Of the one who closes it. */
  yours: boolean;
  opened: boolean;
  onClose(): void;
  onDone(connection: ConnectionInfo): void;
}

export function CloseConnection({ connection, yours, opened, onClose, onDone }: CloseConnectionProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={t('connections.closeTitle', { name: nameOf(connection) })}
      confirm={t('connections.closeConfirm')}
      explain={({ code }) => (code === 'NOT_FOUND' ? t('connections.closeGone') : undefined)}
      action={() => api.closeConnection(connection.id)}
      onDone={() => onDone(connection)}
    >
      <p>{connection.screenId === null ? t('connections.closePerson') : t('connections.closeScreen')}</p>
      {yours ? <p>{t('connections.closeYours')}</p> : null}
    </ConfirmDialog>
  );
}

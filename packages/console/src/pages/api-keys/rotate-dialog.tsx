import type { ApiKey, CreatedApiKey } from '@bongsu/protocol';
import { Button, Modal, NativeSelect } from '@mantine/core';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';

/** Hours that the old key goes on working. */
const OVERLAPS = ['0', '1', '24', '168', '720'] as const;
type Overlap = (typeof OVERLAPS)[number];

interface RotateDialogProps {
  apiKey: ApiKey;
  opened: boolean;
  onClose(): void;
  onRotated(key: CreatedApiKey): void;
}

/** A new key in the place of an old one, which works on until its users have changed over. */
export function RotateDialog({ apiKey, opened, onClose, onRotated }: RotateDialogProps) {
  const { t } = useTranslation();
  return (
    <Modal
      stackId={useId()}
      opened={opened}
      onClose={onClose}
      title={t('apiKeys.rotateTitle', { name: apiKey.name })}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <RotateForm apiKey={apiKey} onClose={onClose} onRotated={onRotated} />
    </Modal>
  );
}

function RotateForm({ apiKey, onClose, onRotated }: Omit<RotateDialogProps, 'opened'>) {
  const { t } = useTranslation();
  const { api } = useServices();
  const [overlap, setOverlap] = useState<Overlap>('24');
  const submit = useSubmit(() => api.rotateApiKey(apiKey.id, Number(overlap)), onRotated);
  return (
    <form className={form.form} onSubmit={submit.onSubmit} noValidate>
      <p>{t('apiKeys.rotateText')}</p>
      <NativeSelect
        label={t('apiKeys.overlap')}
        value={overlap}
        onChange={(event) => setOverlap(event.currentTarget.value as Overlap)}
        data={OVERLAPS.map((value) => ({ value, label: t(`apiKeys.overlaps.${value}`) }))}
        data-autofocus
      />
      <ProblemNote problem={submit.problem} />
      <div className={form.actions}>
        <Button variant="default" onClick={onClose}>
          {t('common.cancel')}
        </Button>
        <Button type="submit" loading={submit.pending}>
          {t('apiKeys.rotate')}
        </Button>
      </div>
    </form>
  );
}

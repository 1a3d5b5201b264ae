import { Button, Modal, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import form from './form.module.css';
import { ProblemNote } from './problem-note.js';
import { useSubmit } from './use-submit.js';

interface RenameDialogProps {
  title: string;
  label: string;
  name: string;
  opened: boolean;
  onClose(): void;
  action(name: string): Promise<unknown>;
  onDone(): void;
}

export function RenameDialog({ title, label, name, opened, onClose, action, onDone }: RenameDialogProps) {
  const { t } = useTranslation();
  const submit = useSubmit(
    (fields) => action(fields.name ?? ''),
    () => {
      onDone();
      onClose();
    },
  );
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={title}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <TextInput
          name="name"
          label={label}
          defaultValue={name}
          error={submit.errorOf('name')}
          autoComplete="off"
          data-autofocus
        />
        <ProblemNote problem={submit.problem} />
        <div className={form.actions}>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={submit.pending}>
            {t('common.save')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

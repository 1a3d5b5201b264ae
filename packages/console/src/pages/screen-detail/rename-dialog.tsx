import type { Screen } from '@bongsu/protocol';
import { Button, Modal, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { keys } from '../../admin/queries.js';
import { useServices } from '../../admin/services.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';

export function RenameDialog({
  screen,
  opened,
  onClose,
}: {
  screen: Screen;
  opened: boolean;
  onClose(): void;
}) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const submit = useSubmit(
    ({ name = '' }) => api.renameScreen(screen.screenId, name),
    () => {
      void queryClient.invalidateQueries({ queryKey: keys.screens });
      onClose();
    },
  );
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('rename.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <TextInput
          name="name"
          label={t('pair.name')}
          defaultValue={screen.name}
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

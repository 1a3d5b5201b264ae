import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../api/problem.js';
import form from './form.module.css';
import { ProblemNote } from './problem-note.js';

interface ConfirmDialogProps {
  title: string;
  children: ReactNode;
  /** What the dangerous button says: the verb that will happen. */
  confirm: string;
  opened: boolean;
  onClose(): void;
  action(): Promise<unknown>;
  onDone(): void;
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({
  title,
  children,
  confirm,
  opened,
  onClose,
  action,
  onDone,
}: ConfirmDialogProps) {
  const { t } = useTranslation();
  const mutation = useMutation({ mutationFn: action, onSuccess: onDone });
  function close() {
    mutation.reset();
    onClose();
  }
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={title}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <div className={form.form}>
        <div>{children}</div>
        <ProblemNote problem={mutation.error ? toProblem(mutation.error) : undefined} />
        <div className={form.actions}>
          <Button variant="default" onClick={close} data-autofocus>
            {t('common.cancel')}
          </Button>
          <Button color="red" loading={mutation.isPending} onClick={() => mutation.mutate()}>
            {confirm}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

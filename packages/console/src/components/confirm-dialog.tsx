import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { type Problem, toProblem } from '../api/problem.js';
import form from './form.module.css';
import { ProblemNote } from './problem-note.js';

interface ConfirmDialogProps {
  title: string;
  children: ReactNode;
  /** What the dangerous button says: the verb that will happen. */
  confirm: string;
  /** What leaves everything as it is says. Default: "Cancel". */
  dismiss?: string;
  /** True when nothing is lost by it. */
  harmless?: boolean;
  /** A failure that means something of its own here, in words. */
  explain?(problem: Problem): string | undefined;
  opened: boolean;
  onClose(): void;
  action(): Promise<unknown>;
  onDone(): void;
}

/** Asks before something that cannot be taken back, or that does much at once. */
export function ConfirmDialog({
  title,
  children,
  confirm,
  dismiss,
  harmless = false,
  explain,
  opened,
  onClose,
  action,
  onDone,
}: ConfirmDialogProps) {
  const { t } = useTranslation();
  const mutation = useMutation({ mutationFn: action, onSuccess: onDone });
  const problem = mutation.error ? toProblem(mutation.error) : undefined;
  const explained = problem && explain?.(problem);
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
        {explained ? (
          <p role="alert" className={form.refused}>
            {explained}
          </p>
        ) : (
          <ProblemNote problem={problem} />
        )}
        <div className={form.actions}>
          <Button variant="default" onClick={close} data-autofocus>
            {dismiss ?? t('common.cancel')}
          </Button>
          <Button
            {...(harmless ? {} : { color: 'red' })}
            loading={mutation.isPending}
            onClick={() => mutation.mutate()}
          >
            {confirm}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

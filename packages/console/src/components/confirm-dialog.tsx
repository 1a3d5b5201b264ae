import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useEffect, useId, useRef } from 'react';
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
  /** A failure that leaves nothing to confirm, in words: they take the place of the question. */
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
  const leave = useRef<HTMLButtonElement>(null);
  // The button that had the focus is gone.
  useEffect(() => {
    if (explained) leave.current?.focus();
  }, [explained]);
  function close() {
    mutation.reset();
    onClose();
  }
  return (
    <Modal
      stackId={useId()}
      opened={opened}
      onClose={close}
      title={title}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <div className={form.form}>
        {explained ? (
          <p role="alert">{explained}</p>
        ) : (
          <>
            <div>{children}</div>
            <ProblemNote problem={problem} />
          </>
        )}
        <div className={form.actions}>
          <Button ref={leave} variant="default" onClick={close} data-autofocus>
            {explained ? t('common.close') : (dismiss ?? t('common.cancel'))}
          </Button>
          {explained ? null : (
            <Button
              {...(harmless ? {} : { color: 'red' })}
              loading={mutation.isPending}
              onClick={() => mutation.mutate()}
            >
              {confirm}
            </Button>
          )}
        </div>
      </div>
    </Modal>
  );
}

import { BongsuError, type DeadLetter } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { keys } from '../../admin/queries.js';
import { useServices } from '../../admin/services.js';
import { toProblem } from '../../api/problem.js';
import { displayOf, restOf, saying } from '../../commands/command-state.js';
import { CommandType } from '../../commands/command-type.js';
import { Payload } from '../../commands/payload.js';
import { ScreenLink } from '../../commands/screen-link.js';
import { WhyDead } from '../../commands/why-dead.js';
import { Ago } from '../../components/ago.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import { Copyable } from '../../components/copyable.js';
import { ProblemNote } from '../../components/problem-note.js';
import styles from './dead-letters-page.module.css';
import type { News } from './news-line.js';

/** One command that was given up, with what can be done about it. */
export function LetterRow({ letter, onNews }: { letter: DeadLetter; onNews(news: News): void }) {
  const { t } = useTranslation();
  const { payload, type } = letter;
  const what = saying(type, payload);
  const rest = restOf(payload);
  const display = displayOf(payload);
  return (
    <li className={styles.letter} data-testid="letter">
      <div className={styles.what}>
        <h2 className={styles.title}>
          <Link
            to="/commands/$commandId"
            params={{ commandId: letter.commandId }}
            search={{ sender: letter.from.userId }}
            className={styles.saying}
          >
            <bdi>{what}</bdi>
          </Link>{' '}
          <CommandType type={type} />
        </h2>
        <p className={styles.why}>
          <WhyDead reason={letter.reason} attempts={letter.attempts} error={letter.error} />
        </p>
        <p className={styles.soft}>
          <ScreenLink screenId={letter.screenId} />
          {display === undefined ? null : ` ${t('wall.display', { index: display })}`} ·{' '}
          <bdi>{letter.from.username}</bdi> · <Ago at={letter.at} />
        </p>
        {rest ? (
          <Payload
            value={'data' in rest && Object.keys(rest).length === 1 ? rest.data : rest}
            label={t('commands.dataOf', { what })}
          />
        ) : null}
        <p className={styles.id}>
          <Copyable value={letter.commandId} label={t('commands.id')} />
        </p>
      </div>
      <Actions letter={letter} what={what} onNews={onNews} />
    </li>
  );
}

interface ActionsProps {
  letter: DeadLetter;
  what: string;
  onNews(news: News): void;
}

function Actions({ letter, what, onNews }: ActionsProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const readAgain = () => void queryClient.invalidateQueries({ queryKey: keys.letters });
  const requeue = useMutation({
    mutationFn: () => api.requeue(letter.id),
    onSuccess: ({ id }) => {
      onNews({ kind: 'requeued', what, commandId: id, senderId: letter.from.userId });
      readAgain();
      void queryClient.invalidateQueries({ queryKey: keys.commandLists });
    },
    onError: (error) => {
      const requeuedAs = requeuedMeanwhile(error);
      if (requeuedAs) onNews({ kind: 'already', what, commandId: requeuedAs, senderId: letter.from.userId });
      readAgain();
    },
  });
  return (
    <div className={styles.actions}>
      {letter.requeuedAs === null ? (
        <Button
          variant="default"
          size="sm"
          aria-label={t('letters.requeueNamed', { what })}
          loading={requeue.isPending}
          onClick={() => requeue.mutate()}
        >
          {t('letters.requeue')}
        </Button>
      ) : (
        <Link
          to="/commands/$commandId"
          params={{ commandId: letter.requeuedAs }}
          search={{ sender: letter.from.userId }}
        >
          {t('letters.toCommand')}
        </Link>
      )}
      <Button
        variant="subtle"
        color="red"
        size="sm"
        aria-label={t('letters.deleteNamed', { what })}
        onClick={() => setDeleting(true)}
      >
        {t('common.delete')}
      </Button>
      <ProblemNote problem={requeue.error ? toProblem(requeue.error) : undefined} />
      <ConfirmDialog
        opened={deleting}
        onClose={() => setDeleting(false)}
        title={t('letters.deleteTitle', { what })}
        confirm={t('letters.deleteConfirm')}
        action={() => api.deleteDeadLetter(letter.id)}
        onDone={() => {
          setDeleting(false);
          onNews({ kind: 'deleted', what });
          readAgain();
        }}
      >
        {letter.requeuedAs === null ? t('letters.deleteText') : t('letters.deleteRequeuedText')}
      </ConfirmDialog>
    </div>
  );
}

/** The command that somebody else made of the letter before us. */
function requeuedMeanwhile(error: Error): string | undefined {
  if (!(error instanceof BongsuError) || error.code !== 'CONFLICT') return undefined;
  const { requeuedAs } = (error.details ?? {}) as { requeuedAs?: unknown };
  return typeof requeuedAs === 'string' ? requeuedAs : undefined;
}

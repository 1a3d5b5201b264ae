import { Button, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { roomKeys } from '../../admin/room-queries.js';
import { useServices } from '../../admin/services.js';
import detail from '../../components/detail.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import styles from './room-detail-page.module.css';

/** Says something to all in the room. */
export function MessageBox({ roomId }: { roomId: string }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const [text, setText] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const submit = useSubmit(
    () => api.say(roomId, text),
    () => {
      setText('');
      field.current?.focus();
      void queryClient.invalidateQueries({ queryKey: roomKeys.history(roomId) });
    },
  );
  return (
    <form onSubmit={submit.onSubmit} noValidate>
      <div className={`${detail.add} ${styles.add}`}>
        <TextInput
          ref={field}
          label={t('room.message')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={submit.errorOf('data')}
          autoComplete="off"
        />
        <Button type="submit" variant="default" disabled={text.trim() === ''} loading={submit.pending}>
          {t('room.say')}
        </Button>
      </div>
      <ProblemNote problem={submit.problem} />
    </form>
  );
}

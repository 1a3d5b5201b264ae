import type { Screen } from '@bongsu/protocol';
import { Button, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { keys } from '../../admin/queries.js';
import { useServices } from '../../admin/services.js';
import { toProblem } from '../../api/problem.js';
import detail from '../../components/detail.module.css';
import page from '../../components/page.module.css';
import people from '../../components/people.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import styles from './screen-detail-page.module.css';

/** Who else may command the screen. */
export function Controllers({ screen, mayManage }: { screen: Screen; mayManage: boolean }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  const readAgain = () => queryClient.invalidateQueries({ queryKey: keys.screens });
  const remove = useMutation({
    mutationFn: (userId: string) => api.removeController(screen.screenId, userId),
    onSuccess: readAgain,
  });
  return (
    <section className={`${page.panel} ${detail.section}`} aria-labelledby="controllers">
      <div>
        <h2 id="controllers">{t('controllers.title')}</h2>
        <p className={detail.hint}>{t('controllers.lead')}</p>
      </div>
      {screen.controllers.length === 0 ? (
        <p>{t('controllers.none')}</p>
      ) : (
        <ul className={people.people}>
          {screen.controllers.map(({ userId, username }) => (
            <li key={userId} className={people.person}>
              <span className={people.who}>
                <bdi>{username}</bdi>
                <code>{userId}</code>
              </span>
              {mayManage ? (
                <Button
                  variant="subtle"
                  size="sm"
                  aria-label={t('controllers.removeNamed', { name: username })}
                  loading={remove.isPending && remove.variables === userId}
                  onClick={() => remove.mutate(userId)}
                >
                  {t('controllers.remove')}
                </Button>
              ) : null}
            </li>
          ))}
        </ul>
      )}
      <ProblemNote problem={remove.error ? toProblem(remove.error) : undefined} />
      {mayManage ? <AddController screenId={screen.screenId} onAdded={() => void readAgain()} /> : null}
    </section>
  );
}

function AddController({ screenId, onAdded }: { screenId: string; onAdded(): void }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const [userId, setUserId] = useState('');
  const submit = useSubmit(
    () => api.addController(screenId, userId.trim()),
    () => {
      setUserId('');
      onAdded();
    },
  );
  const unknown = submit.problem?.code === 'NOT_FOUND';
  return (
    <form className={detail.section} onSubmit={submit.onSubmit} noValidate>
      <div className={`${detail.add} ${styles.add}`}>
        <TextInput
          name="userId"
          label={t('controllers.userId')}
          description={t('controllers.userIdHint')}
          value={userId}
          onChange={(event) => setUserId(event.currentTarget.value)}
          error={unknown ? t('controllers.unknown') : submit.errorOf('userId')}
          autoComplete="off"
          spellCheck={false}
        />
        <Button type="submit" variant="default" disabled={userId.trim() === ''} loading={submit.pending}>
          {t('controllers.add')}
        </Button>
      </div>
      <ProblemNote problem={unknown ? undefined : submit.problem} />
    </form>
  );
}

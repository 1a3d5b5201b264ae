import type { User } from '@bongsu/protocol';
import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { Ago } from '../../components/ago.js';
import { Copyable } from '../../components/copyable.js';
import details from '../../components/details.module.css';
import page from '../../components/page.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import styles from './profile-page.module.css';

export function AboutYou({ user }: { user: User }) {
  const { t } = useTranslation();
  return (
    <section className={`${page.panel} ${page.stack}`} aria-label={t('profile.about')}>
      <NameForm username={user.username} />
      <dl className={details.list}>
        <dt>{t('account.email')}</dt>
        <dd>
          <bdi>{user.email}</bdi>
        </dd>
        <dt>{t('profile.role')}</dt>
        <dd>{t(`profile.roles.${user.role}`)}</dd>
        <dt>{t('profile.userId')}</dt>
        <dd>
          <Copyable value={user.userId} label={t('profile.userId')} />
          <p className={styles.hint}>{t('profile.userIdHint')}</p>
        </dd>
        <dt>{t('profile.since')}</dt>
        <dd>
          <Ago at={user.createdAt} />
        </dd>
      </dl>
    </section>
  );
}

function NameForm({ username }: { username: string }) {
  const { t } = useTranslation();
  const { api, session } = useServices();
  const [name, setName] = useState(username);
  const submit = useSubmit(
    () => api.rename(name),
    (user) => session.changed(user),
  );
  return (
    <form onSubmit={submit.onSubmit} noValidate className={styles.nameForm}>
      <TextInput
        name="username"
        label={t('account.username')}
        description={t('account.usernameHint')}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={submit.errorOf('username')}
        autoComplete="name"
      />
      <Button type="submit" variant="default" disabled={name.trim() === username} loading={submit.pending}>
        {t('common.save')}
      </Button>
      <ProblemNote problem={submit.problem} />
    </form>
  );
}

import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices, useUser } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { Ago } from '../../components/ago.js';
import { Copyable } from '../../components/copyable.js';
import details from '../../components/details.module.css';
import page from '../../components/page.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import styles from './profile-page.module.css';

export function ProfilePage() {
  const { t } = useTranslation();
  const user = useUser();
  usePageTitle(t('profile.title'));
  if (!user) return null;
  return (
    <>
      <header className={page.head}>
        <div>
          <h1>{t('profile.title')}</h1>
          <p className={page.lead}>{t('profile.lead')}</p>
        </div>
      </header>
      <section className={`${page.panel} ${page.stack}`}>
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
          </dd>
          <dt>{t('profile.since')}</dt>
          <dd>
            <Ago at={user.createdAt} />
          </dd>
        </dl>
      </section>
    </>
  );
}

function NameForm({ username }: { username: string }) {
  const { t } = useTranslation();
  const { session } = useServices();
  const [name, setName] = useState(username);
  const submit = useSubmit(
    () => session.rename(name),
    () => {},
  );
  return (
    <form onSubmit={submit.onSubmit} noValidate className={styles.form}>
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

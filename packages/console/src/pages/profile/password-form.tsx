import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { identityKeys } from '../../admin/identity-queries.js';
import { useServices } from '../../admin/services.js';
import { DoneNote } from '../../components/done-note.js';
import page from '../../components/page.module.css';
import { NewPasswordField, PasswordField } from '../../components/password-field.js';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import styles from './profile-page.module.css';

export function PasswordForm({ email }: { email: string }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const queryClient = useQueryClient();
  // Another number is another, empty form.
  const [changes, setChanges] = useState(0);
  const submit = useSubmit(
    ({ currentPassword = '', password = '' }) => api.changePassword(currentPassword, password),
    () => {
      setChanges(changes + 1);
      void queryClient.invalidateQueries({ queryKey: identityKeys.logins });
    },
  );
  const refused = submit.problem?.code === 'AUTH_ERROR';
  const wrong = refused || submit.errorOf('currentPassword') !== null;
  return (
    <section className={`${page.panel} ${styles.section}`} aria-labelledby="password">
      <div>
        <h2 id="password">{t('password.title')}</h2>
        <p className={styles.hint}>{t('password.lead')}</p>
      </div>
      <form key={changes} onSubmit={submit.onSubmit} noValidate className={styles.narrow}>
        {/* Tells a password manager whose password changes. */}
        <input type="text" name="email" autoComplete="username" value={email} readOnly hidden />
        <PasswordField
          name="currentPassword"
          label={t('password.current')}
          error={wrong ? t('stepUp.wrongPassword') : null}
        />
        <NewPasswordField label={t('password.new')} error={submit.errorOf('password')} />
        <ProblemNote problem={refused ? undefined : submit.problem} />
        <Button type="submit" variant="default" loading={submit.pending} className={styles.submit}>
          {t('password.submit')}
        </Button>
      </form>
      <DoneNote>{changes > 0 && !submit.problem ? t('password.done') : null}</DoneNote>
    </section>
  );
}

import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { CodeField } from '../../components/code-field.js';
import { PasswordField } from '../../components/password-field.js';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import { plainCode } from '../../format/format.js';
import styles from './profile-page.module.css';

/** Takes the second factor off, for somebody who has both. */
export function RemoveTotp({ onCancel, onDone }: { onCancel(): void; onDone(): void }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const submit = useSubmit(
    ({ password = '', code = '' }) => api.removeTotp(password, plainCode(code)),
    () => onDone(),
  );
  const wrong = submit.problem?.code === 'AUTH_ERROR';
  return (
    <form className={styles.narrow} onSubmit={submit.onSubmit} noValidate>
      <p>{t('mfa.removeText')}</p>
      <PasswordField
        label={t('account.password')}
        error={wrong ? t('mfa.wrongEither') : submit.errorOf('password')}
        autoFocus
      />
      <CodeField error={submit.errorOf('code')} />
      <ProblemNote problem={wrong ? undefined : submit.problem} />
      <div className={styles.buttons}>
        <Button type="submit" color="red" loading={submit.pending}>
          {t('mfa.removeConfirm')}
        </Button>
        <Button variant="default" onClick={onCancel}>
          {t('mfa.keep')}
        </Button>
      </div>
    </form>
  );
}

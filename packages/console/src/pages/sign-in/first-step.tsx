import type { MfaChallenge } from '@bongsu/protocol';
import { Button, Checkbox, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useAuthOptions } from '../../admin/identity-queries.js';
import { useServices } from '../../admin/services.js';
import form from '../../components/form.module.css';
import { PasswordField } from '../../components/password-field.js';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';

interface FirstStepProps {
  next: string | undefined;
  /** The second step took too long, or too many tries. */
  over: boolean;
  onChallenge(challenge: MfaChallenge): void;
  onDone(): void;
}

/** Address and password. */
export function FirstStep({ next, over, onChallenge, onDone }: FirstStepProps) {
  const { t } = useTranslation();
  const { session } = useServices();
  const { data: options } = useAuthOptions();
  const submit = useSubmit(
    ({ email = '', password = '', rememberMe }) =>
      session.signIn({ email, password, rememberMe: rememberMe === 'on' }),
    (entered) => ('mfaRequired' in entered ? onChallenge(entered) : onDone()),
  );
  return (
    <>
      <h1>{t('signIn.title')}</h1>
      {window.isSecureContext ? null : (
        <p role="note" className={form.lead}>
          {t('signIn.plainHttp')}
        </p>
      )}
      {over ? (
        <p role="status" className={form.lead}>
          {t('signIn.over')}
        </p>
      ) : null}
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <TextInput
          name="email"
          type="email"
          autoComplete="username"
          label={t('account.email')}
          error={submit.errorOf('email')}
          autoFocus
        />
        <PasswordField label={t('account.password')} error={submit.errorOf('password')} />
        {options?.passwordReset ? (
          <p className={form.beside}>
            <Link to="/forgot">{t('signIn.forgot')}</Link>
          </p>
        ) : null}
        <Checkbox name="rememberMe" label={t('signIn.rememberMe')} description={t('signIn.rememberMeHint')} />
        <ProblemNote problem={submit.problem} />
        <Button type="submit" loading={submit.pending}>
          {t('signIn.submit')}
        </Button>
      </form>
      {options?.signup === 'closed' ? null : (
        <p className={form.aside}>
          {t('signIn.noAccount')}{' '}
          <Link to="/sign-up" search={next ? { next } : {}}>
            {t('signIn.toSignUp')}
          </Link>
        </p>
      )}
    </>
  );
}

import { Button, Checkbox, PasswordInput, TextInput } from '@mantine/core';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { Quiet } from '../../components/quiet.js';
import { useSubmit } from '../../components/use-submit.js';

const route = getRouteApi('/signed-out/sign-in');

export function SignInPage() {
  const { t } = useTranslation();
  const { session } = useServices();
  const { next } = route.useSearch();
  const navigate = useNavigate();
  usePageTitle(t('signIn.title'));
  const submit = useSubmit(
    ({ email = '', password = '', rememberMe }) =>
      session.signIn({ email, password, rememberMe: rememberMe === 'on' }),
    () => void navigate({ href: next ?? '/screens' }),
  );
  return (
    <Quiet>
      <h1>{t('signIn.title')}</h1>
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <TextInput
          name="email"
          type="email"
          autoComplete="username"
          label={t('account.email')}
          error={submit.errorOf('email')}
          autoFocus
        />
        <PasswordInput
          name="password"
          autoComplete="current-password"
          label={t('account.password')}
          error={submit.errorOf('password')}
          visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
        />
        <Checkbox name="rememberMe" label={t('signIn.rememberMe')} description={t('signIn.rememberMeHint')} />
        <ProblemNote problem={submit.problem} />
        <Button type="submit" loading={submit.pending}>
          {t('signIn.submit')}
        </Button>
      </form>
      <p className={form.aside}>
        {t('signIn.noAccount')}{' '}
        <Link to="/sign-up" search={next ? { next } : {}}>
          {t('signIn.toSignUp')}
        </Link>
      </p>
    </Quiet>
  );
}

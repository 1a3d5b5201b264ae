import { Button, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAuthOptions } from '../../admin/identity-queries.js';
import { useServices } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { Quiet } from '../../components/quiet.js';
import { Told } from '../../components/told.js';
import { useSubmit } from '../../components/use-submit.js';

/** Asks for a link by mail. The answer is the same whether or not somebody has the address. */
export function ForgotPage() {
  const { t } = useTranslation();
  const { openApi } = useServices();
  const { data: options } = useAuthOptions();
  const [mailedTo, setMailedTo] = useState<string>();
  usePageTitle(t('forgot.title'));
  const submit = useSubmit(async ({ email = '' }) => {
    await openApi.forgotPassword(email);
    return email;
  }, setMailedTo);
  if (mailedTo !== undefined) {
    return (
      <Told title={t('forgot.sentTitle')} text={t('forgot.sent', { email: mailedTo })} to="/sign-in">
        {t('signUp.toSignIn')}
      </Told>
    );
  }
  if (options?.passwordReset === false) {
    return (
      <Told title={t('forgot.offTitle')} text={t('forgot.off')} to="/sign-in">
        {t('signUp.toSignIn')}
      </Told>
    );
  }
  return (
    <Quiet>
      <div className={form.intro}>
        <h1>{t('forgot.title')}</h1>
        <p className={form.lead}>{t('forgot.lead')}</p>
      </div>
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <TextInput
          name="email"
          type="email"
          autoComplete="username"
          label={t('account.email')}
          error={submit.errorOf('email')}
          autoFocus
        />
        <ProblemNote problem={submit.problem} />
        <Button type="submit" loading={submit.pending}>
          {t('forgot.submit')}
        </Button>
      </form>
      <p className={form.aside}>
        <Link to="/sign-in">{t('forgot.back')}</Link>
      </p>
    </Quiet>
  );
}

import { Button } from '@mantine/core';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAuthOptions } from '../../admin/identity-queries.js';
import { useServices } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { AccountFields } from '../../components/account-fields.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { Quiet } from '../../components/quiet.js';
import { Told } from '../../components/told.js';
import { useSubmit } from '../../components/use-submit.js';

const route = getRouteApi('/signed-out/sign-up');

export function SignUpPage() {
  const { t } = useTranslation();
  const { session } = useServices();
  const { next } = route.useSearch();
  const navigate = useNavigate();
  const { data: options } = useAuthOptions();
  const [mailedTo, setMailedTo] = useState<string>();
  usePageTitle(t('signUp.title'));
  const submit = useSubmit(
    async ({ email = '', password = '', username = '' }) => {
      const entered = await session.signUp({ email, password, username });
      return 'verificationRequired' in entered ? email : undefined;
    },
    (waitsFor) =>
      waitsFor === undefined ? void navigate({ href: next ?? '/screens' }) : setMailedTo(waitsFor),
  );
  const taken = submit.problem?.code === 'CONFLICT';
  if (mailedTo !== undefined) {
    return (
      <Told title={t('signUp.mailTitle')} text={t('signUp.mail', { email: mailedTo })} to="/sign-in">
        {t('signUp.toSignIn')}
      </Told>
    );
  }
  if (options?.signup === 'closed' || submit.problem?.code === 'FORBIDDEN') {
    return (
      <Told title={t('signUp.closedTitle')} text={t('signUp.closed')} to="/sign-in">
        {t('signUp.toSignIn')}
      </Told>
    );
  }
  return (
    <Quiet>
      <div className={form.intro}>
        <h1>{t('signUp.title')}</h1>
        <p className={form.lead}>
          {options?.emailVerification === 'required' ? t('signUp.leadMail') : t('signUp.lead')}
        </p>
      </div>
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <AccountFields
          errorOf={(field) => (taken && field === 'email' ? t('signUp.taken') : submit.errorOf(field))}
        />
        <ProblemNote problem={taken ? undefined : submit.problem} />
        <Button type="submit" loading={submit.pending}>
          {t('signUp.submit')}
        </Button>
      </form>
      <p className={form.aside}>
        {t('signUp.haveAccount')}{' '}
        <Link to="/sign-in" search={next ? { next } : {}}>
          {t('signUp.toSignIn')}
        </Link>
      </p>
    </Quiet>
  );
}

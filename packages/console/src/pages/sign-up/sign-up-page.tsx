import { Button } from '@mantine/core';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { AccountFields } from '../../components/account-fields.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { Quiet } from '../../components/quiet.js';
import { useSubmit } from '../../components/use-submit.js';

const route = getRouteApi('/signed-out/sign-up');

export function SignUpPage() {
  const { t } = useTranslation();
  const { session } = useServices();
  const { next } = route.useSearch();
  const navigate = useNavigate();
  usePageTitle(t('signUp.title'));
  const submit = useSubmit(
    ({ email = '', password = '', username = '' }) => session.signUp({ email, password, username }),
    () => void navigate({ href: next ?? '/screens' }),
  );
  const taken = submit.problem?.code === 'CONFLICT';
  if (submit.problem?.code === 'FORBIDDEN') {
    return (
      <Quiet>
        <h1>{t('signUp.closedTitle')}</h1>
        <p className={form.lead}>{t('signUp.closed')}</p>
        <p className={form.aside}>
          <Link to="/sign-in">{t('signUp.toSignIn')}</Link>
        </p>
      </Quiet>
    );
  }
  return (
    <Quiet>
      <div className={form.intro}>
        <h1>{t('signUp.title')}</h1>
        <p className={form.lead}>{t('signUp.lead')}</p>
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

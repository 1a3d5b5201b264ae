import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import { AccountFields } from '../../components/account-fields.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { Quiet } from '../../components/quiet.js';
import { useFragmentToken } from '../../components/use-fragment-token.js';
import { useSubmit } from '../../components/use-submit.js';

/** The first administrator's one-time link. */
export function SetupPage() {
  const { t } = useTranslation();
  const { session } = useServices();
  const navigate = useNavigate();
  const token = useFragmentToken();
  usePageTitle(t('setup.title'));
  const submit = useSubmit(
    ({ email = '', password = '', username = '' }) =>
      session.setUp({ token: token ?? '', email, password, username }),
    () => void navigate({ to: '/screens' }),
  );
  // A link that was used, is old or was cut short answers so.
  const spent = submit.problem?.code === 'AUTH_ERROR';
  if (!token || spent) {
    return (
      <Quiet>
        <h1>{spent ? t('setup.spentTitle') : t('setup.noTokenTitle')}</h1>
        <p className={form.lead}>{spent ? t('setup.spent') : t('setup.noToken')}</p>
        <p className={form.aside}>
          <Link to="/sign-in">{t('signUp.toSignIn')}</Link>
        </p>
      </Quiet>
    );
  }
  return (
    <Quiet>
      <div className={form.intro}>
        <h1>{t('setup.title')}</h1>
        <p className={form.lead}>{t('setup.lead')}</p>
      </div>
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <AccountFields errorOf={submit.errorOf} />
        <ProblemNote problem={submit.problem} />
        <Button type="submit" loading={submit.pending}>
          {t('setup.submit')}
        </Button>
      </form>
    </Quiet>
  );
}

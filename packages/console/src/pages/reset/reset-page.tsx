import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import form from '../../components/form.module.css';
import { NewPasswordField } from '../../components/password-field.js';
import { ProblemNote } from '../../components/problem-note.js';
import { Quiet } from '../../components/quiet.js';
import { Told } from '../../components/told.js';
import { useFragmentToken } from '../../components/use-fragment-token.js';
import { useSubmit } from '../../components/use-submit.js';

/** The mailed link to a new password. It signs nobody in, and a second factor stays due. */
export function ResetPage() {
  const { t } = useTranslation();
  const { openApi } = useServices();
  const token = useFragmentToken();
  const [done, setDone] = useState(false);
  usePageTitle(t('reset.title'));
  const submit = useSubmit(
    ({ password = '' }) => openApi.resetPassword(token ?? '', password),
    () => setDone(true),
  );
  if (done) {
    return (
      <Told title={t('reset.doneTitle')} text={t('reset.done')} to="/sign-in">
        {t('signUp.toSignIn')}
      </Told>
    );
  }
  // A link that was used, is old or was cut short answers so.
  const spent = submit.problem?.code === 'AUTH_ERROR' || submit.problem?.code === 'TOKEN_EXPIRED';
  if (!token || spent) {
    return (
      <Told
        title={spent ? t('reset.spentTitle') : t('reset.noTokenTitle')}
        text={spent ? t('reset.spent') : t('reset.noToken')}
        to="/forgot"
      >
        {t('reset.again')}
      </Told>
    );
  }
  return (
    <Quiet>
      <div className={form.intro}>
        <h1>{t('reset.title')}</h1>
        <p className={form.lead}>{t('reset.lead')}</p>
      </div>
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <NewPasswordField label={t('password.new')} error={submit.errorOf('password')} autoFocus />
        <ProblemNote problem={submit.problem} />
        <Button type="submit" loading={submit.pending}>
          {t('reset.submit')}
        </Button>
      </form>
    </Quiet>
  );
}

import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { usePageTitle } from '../../admin/use-page-title.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { Quiet } from '../../components/quiet.js';
import { Told } from '../../components/told.js';
import { useFragmentToken } from '../../components/use-fragment-token.js';
import { useSubmit } from '../../components/use-submit.js';

/**
 * The mailed link that confirms an address. It waits for a person's click: programs that look into mails open links
 * too, and somebody else may have signed up with this address.
 */
export function VerifyPage() {
  const { t } = useTranslation();
  const { openApi } = useServices();
  const token = useFragmentToken();
  const [done, setDone] = useState(false);
  usePageTitle(t('verify.title'));
  const submit = useSubmit(
    () => openApi.verifyEmail(token ?? ''),
    () => setDone(true),
  );
  if (done) {
    return (
      <Told title={t('verify.doneTitle')} text={t('verify.done')} to="/sign-in">
        {t('signUp.toSignIn')}
      </Told>
    );
  }
  const spent = submit.problem?.code === 'AUTH_ERROR' || submit.problem?.code === 'TOKEN_EXPIRED';
  if (!token || spent) {
    return (
      <Told
        title={spent ? t('reset.spentTitle') : t('reset.noTokenTitle')}
        text={spent ? t('verify.spent') : t('reset.noToken')}
        to="/sign-in"
      >
        {t('signUp.toSignIn')}
      </Told>
    );
  }
  return (
    <Quiet>
      <div className={form.intro}>
        <h1>{t('verify.title')}</h1>
        <p className={form.lead}>{t('verify.lead')}</p>
      </div>
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <ProblemNote problem={submit.problem} />
        <Button type="submit" loading={submit.pending} autoFocus>
          {t('verify.submit')}
        </Button>
      </form>
    </Quiet>
  );
}

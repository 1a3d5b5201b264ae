import { Button, Modal } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { ProofDue } from '../api/step-up.js';
import { CodeField } from '../components/code-field.js';
import form from '../components/form.module.css';
import { PasswordField } from '../components/password-field.js';
import { ProblemNote } from '../components/problem-note.js';
import { useSubmit } from '../components/use-submit.js';
import { plainCode } from '../format/format.js';
import { useMfaState } from './identity-queries.js';
import { useServices } from './services.js';

/** The one place where somebody proves anew who they are; what asked for it goes on by itself. */
export function StepUpDialog({ due }: { due: ProofDue | undefined }) {
  const { t } = useTranslation();
  const { stepUp } = useServices();
  return (
    <Modal
      stackId="step-up"
      opened={due !== undefined}
      onClose={() => stepUp.dismiss()}
      title={t('stepUp.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
      // A password that was typed must not go with a click beside it.
      closeOnClickOutside={false}
    >
      {due ? <ProofForm due={due} /> : null}
    </Modal>
  );
}

function ProofForm({ due }: { due: ProofDue }) {
  const { t } = useTranslation();
  const { stepUp } = useServices();
  const { data: mfa } = useMfaState();
  const withCode = due.code || mfa?.totp === true;
  const submit = useSubmit(
    ({ password, code }) =>
      stepUp.prove({
        ...(password === undefined ? {} : { password }),
        ...(code ? { code: plainCode(code) } : {}),
      }),
    () => {},
  );
  const wrong = submit.problem?.code === 'AUTH_ERROR';
  const wrongText = withCode ? t('stepUp.wrongEither') : t('stepUp.wrongPassword');
  return (
    <form className={form.form} onSubmit={submit.onSubmit} noValidate>
      <p className={form.lead}>{t('stepUp.lead')}</p>
      {due.password ? (
        <PasswordField
          label={t('account.password')}
          error={wrong ? wrongText : submit.errorOf('password')}
          autoFocus
        />
      ) : null}
      {withCode ? (
        <CodeField
          error={wrong && !due.password ? t('code.wrong') : submit.errorOf('code')}
          autoFocus={due.code}
        />
      ) : null}
      <ProblemNote problem={wrong ? undefined : submit.problem} />
      <div className={form.actions}>
        <Button variant="default" onClick={() => stepUp.dismiss()}>
          {t('common.cancel')}
        </Button>
        <Button type="submit" loading={submit.pending}>
          {t('stepUp.confirm')}
        </Button>
      </div>
    </form>
  );
}

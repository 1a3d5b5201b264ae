import type { TotpEnrolment } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { CodeField } from '../../components/code-field.js';
import { Copyable } from '../../components/copyable.js';
import form from '../../components/form.module.css';
import { PasswordField } from '../../components/password-field.js';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import { inGroups, plainCode } from '../../format/format.js';
import styles from './profile-page.module.css';
import { QrCode } from './qr-code.js';
import type { QrPath } from './qr-path.js';

interface SetUpTotpProps {
  onCancel(): void;
  onDone(recoveryCodes: string[]): void;
}

interface Enrolment extends TotpEnrolment {
  qr: QrPath;
}

/** Password, then the secret, then a code that shows that the app has it. Nothing counts before that. */
export function SetUpTotp({ onCancel, onDone }: SetUpTotpProps) {
  const [enrolment, setEnrolment] = useState<Enrolment>();
  return enrolment ? (
    <Scan enrolment={enrolment} onCancel={onCancel} onDone={onDone} />
  ) : (
    <Begin onCancel={onCancel} onBegun={setEnrolment} />
  );
}

function Begin({ onCancel, onBegun }: { onCancel(): void; onBegun(enrolment: Enrolment): void }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const submit = useSubmit(async ({ password = '' }) => {
    // Loaded now, because nobody else needs it.
    const { qrPath } = await import('./qr-path.js');
    const enrolment = await api.beginTotp(password);
    return { ...enrolment, qr: qrPath(enrolment.otpauthUrl) };
  }, onBegun);
  const wrong = submit.problem?.code === 'AUTH_ERROR';
  return (
    <form className={styles.narrow} onSubmit={submit.onSubmit} noValidate>
      <PasswordField
        label={t('account.password')}
        error={wrong ? t('stepUp.wrongPassword') : submit.errorOf('password')}
        autoFocus
      />
      <ProblemNote problem={wrong ? undefined : submit.problem} />
      <div className={styles.buttons}>
        <Button type="submit" loading={submit.pending}>
          {t('mfa.continue')}
        </Button>
        <Button variant="default" onClick={onCancel}>
          {t('common.cancel')}
        </Button>
      </div>
    </form>
  );
}

function Scan({ enrolment, onCancel, onDone }: SetUpTotpProps & { enrolment: Enrolment }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const submit = useSubmit(
    ({ code = '' }) => api.confirmTotp(plainCode(code)),
    ({ recoveryCodes }) => onDone(recoveryCodes),
  );
  const wrong = submit.problem?.code === 'AUTH_ERROR';
  // The secret waited too long, or another one was begun elsewhere.
  const over = submit.problem?.code === 'CONFLICT';
  return (
    <div className={styles.scan}>
      <QrCode code={enrolment.qr} label={t('mfa.qr')} />
      <ol className={styles.steps}>
        <li>
          {t('mfa.step1')}
          <span className={styles.secret}>
            <Copyable value={enrolment.secret} shown={inGroups(enrolment.secret)} label={t('mfa.secret')} />
          </span>
        </li>
        <li>
          <form className={form.form} onSubmit={submit.onSubmit} noValidate>
            <p>{t('mfa.step2')}</p>
            <CodeField
              recovery={false}
              error={over ? t('mfa.beginAgain') : wrong ? t('mfa.wrongFirstCode') : submit.errorOf('code')}
              autoFocus
            />
            <ProblemNote problem={wrong || over ? undefined : submit.problem} />
            <div className={styles.buttons}>
              <Button type="submit" loading={submit.pending}>
                {t('mfa.confirm')}
              </Button>
              <Button variant="default" onClick={onCancel}>
                {t('common.cancel')}
              </Button>
            </div>
          </form>
        </li>
      </ol>
    </div>
  );
}

import type { MfaChallenge } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import { toProblem, triesLeft } from '../../api/problem.js';
import { CodeField } from '../../components/code-field.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { TextButton } from '../../components/text-button.js';
import { useCountdown } from '../../components/use-countdown.js';
import { useSubmit } from '../../components/use-submit.js';
import { plainCode } from '../../format/format.js';

interface SecondStepProps {
  challenge: MfaChallenge;
  onDone(): void;
  /** `over`: the challenge ran out, or was tried too often. */
  onStartAgain(over: boolean): void;
}

/** The code of the second factor. Until it is right nobody is signed in. */
export function SecondStep({ challenge, onDone, onStartAgain }: SecondStepProps) {
  const { t } = useTranslation();
  const { session } = useServices();
  const { challengeId, expiresIn } = challenge;
  useCountdown(challengeId, expiresIn * 1000, () => onStartAgain(true));
  const submit = useSubmit(
    async ({ code = '' }) => {
      try {
        await session.verify({ challengeId, code: plainCode(code) });
        return true;
      } catch (error) {
        if (toProblem(error).code !== 'AUTH_ERROR' || triesLeft(error) > 0) throw error;
        return false;
      }
    },
    (entered) => (entered ? onDone() : onStartAgain(true)),
  );
  // A code that is wrong, or was used before, answers so.
  const wrong = submit.problem?.code === 'AUTH_ERROR';
  return (
    <>
      <div className={form.intro}>
        <h1>{t('signIn.secondTitle')}</h1>
        <p className={form.lead}>{t('signIn.secondLead')}</p>
      </div>
      <form className={form.form} onSubmit={submit.onSubmit} noValidate>
        <CodeField
          error={
            wrong
              ? t('signIn.wrongCode', { count: triesLeft(submit.problem?.cause) })
              : submit.errorOf('code')
          }
          autoFocus
        />
        <ProblemNote problem={wrong ? undefined : submit.problem} />
        <Button type="submit" loading={submit.pending}>
          {t('signIn.submit')}
        </Button>
      </form>
      <p className={form.aside}>
        <TextButton onClick={() => onStartAgain(false)}>{t('signIn.startAgain')}</TextButton>
      </p>
    </>
  );
}

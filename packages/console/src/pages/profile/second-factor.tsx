import type { MfaState } from '@bongsu/protocol';
import { Button, Skeleton } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { identityKeys, useMfaState } from '../../admin/identity-queries.js';
import { useServices } from '../../admin/services.js';
import { Ago } from '../../components/ago.js';
import { ConfirmDialog } from '../../components/confirm-dialog.js';
import { DoneNote } from '../../components/done-note.js';
import { Failed } from '../../components/failed.js';
import page from '../../components/page.module.css';
import { Tag } from '../../components/tag.js';
import styles from './profile-page.module.css';
import { RecoveryCodes } from './recovery-codes.js';
import { RemoveTotp } from './remove-totp.js';
import { SetUpTotp } from './set-up-totp.js';

/** What the section shows in place of the state: one thing at a time. */
type Doing = { kind: 'setting-up' | 'removing' } | { kind: 'codes'; codes: string[] };

export function SecondFactor() {
  const { t } = useTranslation();
  const mfa = useMfaState();
  const queryClient = useQueryClient();
  const [doing, setDoing] = useState<Doing>();
  const [removed, setRemoved] = useState(false);
  /** A change of the second factor ends the other logins. */
  function readAgain() {
    void queryClient.invalidateQueries({ queryKey: identityKeys.mfa });
    void queryClient.invalidateQueries({ queryKey: identityKeys.logins });
  }
  function showCodes(codes: string[]) {
    readAgain();
    setRemoved(false);
    setDoing({ kind: 'codes', codes });
  }
  return (
    <section className={`${page.panel} ${styles.section}`} aria-labelledby="second-factor">
      <div>
        <h2 id="second-factor">{t('mfa.title')}</h2>
        <p className={styles.hint}>{t('mfa.lead')}</p>
        {mfa.data?.required && !mfa.data.totp && <p className={styles.hint}>{t('mfa.required')}</p>}
      </div>
      {content()}
      <DoneNote>{removed ? t('mfa.removed') : null}</DoneNote>
    </section>
  );

  function content() {
    const stop = () => setDoing(undefined);
    switch (doing?.kind) {
      case 'setting-up':
        return <SetUpTotp onCancel={stop} onDone={showCodes} />;
      case 'codes':
        return <RecoveryCodes codes={doing.codes} onDone={stop} />;
      case 'removing':
        return (
          <RemoveTotp
            onCancel={stop}
            onDone={() => {
              readAgain();
              setRemoved(true);
              stop();
            }}
          />
        );
      default:
        if (mfa.isPending)
          return <Skeleton height={72} radius="md" role="status" aria-label={t('common.loading')} />;
        if (!mfa.data) return <Failed error={mfa.error} retrying={mfa.isFetching} onRetry={readAgain} />;
        return mfa.data.totp ? (
          <On state={mfa.data} onCodes={showCodes} onRemove={() => setDoing({ kind: 'removing' })} />
        ) : (
          <Button
            variant="default"
            className={styles.submit}
            onClick={() => {
              setRemoved(false);
              setDoing({ kind: 'setting-up' });
            }}
          >
            {t('mfa.setUp')}
          </Button>
        );
    }
  }
}

const FEW_CODES = 3;

function On({
  state,
  onCodes,
  onRemove,
}: {
  state: MfaState;
  onCodes(codes: string[]): void;
  onRemove(): void;
}) {
  const { t } = useTranslation();
  const { api } = useServices();
  const [asking, setAsking] = useState(false);
  const few = state.recoveryCodesLeft <= FEW_CODES;
  return (
    <>
      <p className={styles.state}>
        <Tag tone="good">{t('mfa.on')}</Tag>
        {state.since === null ? null : <Ago at={state.since} />}
      </p>
      <p className={few ? styles.warn : undefined}>
        {t('mfa.codesLeft', { count: state.recoveryCodesLeft })} {few ? t('mfa.fewCodes') : null}
      </p>
      <div className={styles.buttons}>
        <Button variant="default" onClick={() => setAsking(true)}>
          {t('mfa.newCodes')}
        </Button>
        <Button variant="subtle" color="red" onClick={onRemove}>
          {t('mfa.remove')}
        </Button>
      </div>
      <ConfirmDialog
        opened={asking}
        onClose={() => setAsking(false)}
        title={t('mfa.newCodesTitle')}
        confirm={t('mfa.newCodesConfirm')}
        action={async () => onCodes((await api.makeRecoveryCodes()).recoveryCodes)}
        onDone={() => setAsking(false)}
      >
        {t('mfa.newCodesText')}
      </ConfirmDialog>
    </>
  );
}

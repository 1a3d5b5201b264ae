import type { ClaimedPairing } from '@bongsu/protocol';
import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import form from '../../components/form.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import { pairingCode } from '../../format/format.js';
import { OpenScreenPage } from './open-screen-page.js';
import styles from './pair-dialog.module.css';

interface EnterCodeProps {
  onClaimed(claimed: ClaimedPairing): void;
  onCancel(): void;
}

export function EnterCode({ onClaimed, onCancel }: EnterCodeProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const [code, setCode] = useState('');
  const submit = useSubmit(({ name = '' }) => api.claimPairing(code, name), onClaimed);
  // A wrong code and one that ran out answer alike; both mean: look at the screen again.
  const gone = submit.problem?.code === 'NOT_FOUND' || submit.problem?.code === 'PAIRING_CLOSED';
  return (
    <form className={form.form} onSubmit={submit.onSubmit} noValidate>
      <p className={form.lead}>
        {t('pair.lead')} <OpenScreenPage plain />
      </p>
      <TextInput
        name="code"
        label={t('pair.code')}
        placeholder="ABCD-2345"
        value={code}
        onChange={(event) => setCode(pairingCode(event.currentTarget.value))}
        error={gone ? t('pair.codeGone') : submit.errorOf('code')}
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        classNames={{ input: styles.code ?? '' }}
        data-autofocus
      />
      <TextInput
        name="name"
        label={t('pair.name')}
        description={t('pair.nameHint')}
        error={submit.errorOf('name')}
        autoComplete="off"
      />
      <ProblemNote problem={gone ? undefined : submit.problem} />
      <div className={form.actions}>
        <Button variant="default" onClick={onCancel}>
          {t('common.cancel')}
        </Button>
        <Button type="submit" loading={submit.pending}>
          {t('pair.submit')}
        </Button>
      </div>
    </form>
  );
}

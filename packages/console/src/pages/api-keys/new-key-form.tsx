import type { CreatedApiKey, Scope } from '@bongsu/protocol';
import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../../admin/services.js';
import form from '../../components/form.module.css';
import page from '../../components/page.module.css';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import styles from './api-keys-page.module.css';
import { endOf, LIFETIMES, type Lifetime, OFFERED, scopeParts } from './scopes.js';

interface NewKeyFormProps {
  onCancel(): void;
  onMade(key: CreatedApiKey): void;
}

export function NewKeyForm({ onCancel, onMade }: NewKeyFormProps) {
  const { t } = useTranslation();
  const { api, live } = useServices();
  const [scopes, setScopes] = useState<ReadonlySet<Scope>>(new Set());
  const [lifetime, setLifetime] = useState<Lifetime>('90');
  const submit = useSubmit(
    ({ name = '' }) =>
      api.createApiKey({ name, scopes: [...scopes], expiresAt: endOf(lifetime, live.now()) }),
    onMade,
  );
  function toggle(scope: Scope, on: boolean) {
    const next = new Set(scopes);
    if (on) next.add(scope);
    else next.delete(scope);
    setScopes(next);
    // It was about the scopes as they were sent.
    if (submit.errorOf('scopes')) submit.reset();
  }
  return (
    <form
      className={`${page.panel} ${styles.form}`}
      onSubmit={submit.onSubmit}
      noValidate
      aria-label={t('apiKeys.make')}
    >
      <TextInput
        name="name"
        label={t('apiKeys.name')}
        description={t('apiKeys.nameHint')}
        error={submit.errorOf('name')}
        autoComplete="off"
        autoFocus
      />
      <Scopes chosen={scopes} onToggle={toggle} fault={submit.errorOf('scopes')} />
      <NativeSelect
        label={t('apiKeys.lifetime')}
        description={lifetime === 'never' ? t('apiKeys.neverHint') : t('apiKeys.lifetimeHint')}
        value={lifetime}
        onChange={(event) => setLifetime(event.currentTarget.value as Lifetime)}
        data={LIFETIMES.map((value) => ({
          value,
          label: value === 'never' ? t('apiKeys.never') : t('apiKeys.days', { count: Number(value) }),
        }))}
        error={submit.errorOf('expiresAt')}
      />
      <ProblemNote problem={submit.problem} />
      <div className={form.actions}>
        <Button variant="default" onClick={onCancel}>
          {t('common.cancel')}
        </Button>
        <Button type="submit" loading={submit.pending}>
          {t('apiKeys.create')}
        </Button>
      </div>
    </form>
  );
}

interface ScopesProps {
  chosen: ReadonlySet<Scope>;
  onToggle(scope: Scope, on: boolean): void;
  fault: string | null;
}

/** What the key may do, each thing in words. */
function Scopes({ chosen, onToggle, fault }: ScopesProps) {
  const { t } = useTranslation();
  const faultId = useId();
  return (
    <fieldset className={styles.scopes} aria-describedby={fault ? faultId : undefined}>
      <legend>{t('apiKeys.scopes')}</legend>
      {fault ? (
        <p id={faultId} className={styles.fault}>
          {chosen.size === 0 ? t('apiKeys.noScope') : fault}
        </p>
      ) : null}
      {OFFERED.map(({ area, scopes }, row) => (
        <div key={area} className={styles.area}>
          <p className={styles.areaName}>{t(`scopes.areas.${area}`)}</p>
          {scopes.map((scope, column) => {
            const { verb } = scopeParts(scope);
            return (
              <Checkbox
                key={scope}
                label={t(`scopes.${area}.${verb}`)}
                description={<code>{scope}</code>}
                checked={chosen.has(scope)}
                onChange={(event) => onToggle(scope, event.currentTarget.checked)}
                // The first one stands for all where nothing was chosen, so that the focus goes there.
                aria-invalid={fault !== null && row === 0 && column === 0 ? true : undefined}
              />
            );
          })}
        </div>
      ))}
    </fieldset>
  );
}

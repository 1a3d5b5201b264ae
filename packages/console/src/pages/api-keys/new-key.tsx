import type { CreatedApiKey } from '@bongsu/protocol';
import { Button } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Copyable } from '../../components/copyable.js';
import page from '../../components/page.module.css';
import styles from './api-keys-page.module.css';

/** The key itself, this once. */
export function NewKey({ made, onDone }: { made: CreatedApiKey; onDone(): void }) {
  const { t } = useTranslation();
  const heading = useRef<HTMLHeadingElement>(null);
  // The form or dialog that had the focus is gone, and this must not be overlooked.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a second key is to be seen as well
  useEffect(() => {
    const timer = setTimeout(() => heading.current?.focus(), AFTER_DIALOG_MS);
    return () => clearTimeout(timer);
  }, [made.id]);
  return (
    <section className={`${page.panel} ${styles.made}`} aria-labelledby="new-key">
      <h2 id="new-key" ref={heading} tabIndex={-1}>
        {t('apiKeys.madeTitle', { name: made.name })}
      </h2>
      <p>{t('apiKeys.madeText')}</p>
      <p className={styles.secret} data-testid="new-key">
        <Copyable value={made.key} label={t('apiKeys.key')} />
      </p>
      <p className={styles.soft}>
        {t('apiKeys.use')} <code>Authorization: Bearer bgs_…</code>
      </p>
      <Button className={styles.done} onClick={onDone}>
        {t('apiKeys.kept')}
      </Button>
    </section>
  );
}

/** A dialog that closes first gives the focus back to what opened it. */
const AFTER_DIALOG_MS = 200;

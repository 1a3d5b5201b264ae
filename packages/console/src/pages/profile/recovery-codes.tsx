import { Button, CopyButton } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from '../../components/icon.js';
import styles from './profile-page.module.css';

/** The codes for the day the phone is gone, this once. On paper they stand alone. */
export function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone(): void }) {
  const { t } = useTranslation();
  const heading = useRef<HTMLHeadingElement>(null);
  // What had the focus is gone, and this must not be overlooked.
  useEffect(() => heading.current?.focus(), []);
  return (
    <div className={styles.codes} data-print-alone>
      <h3 ref={heading} tabIndex={-1}>
        {t('mfa.codesTitle')}
      </h3>
      <p>{t('mfa.codesText')}</p>
      <ul className={styles.codeList} aria-label={t('mfa.codes')}>
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div className={styles.buttons} data-no-print>
        <Button onClick={onDone}>{t('mfa.codesKept')}</Button>
        <CopyButton value={codes.join('\n')}>
          {({ copied, copy }) => (
            <Button variant="default" leftSection={<Icon name={copied ? 'check' : 'copy'} />} onClick={copy}>
              {copied ? t('common.copied') : t('mfa.copyCodes')}
            </Button>
          )}
        </CopyButton>
        <Button variant="default" onClick={() => print()}>
          {t('mfa.printCodes')}
        </Button>
      </div>
    </div>
  );
}

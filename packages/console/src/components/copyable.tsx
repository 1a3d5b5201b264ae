import { ActionIcon, CopyButton } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import styles from './copyable.module.css';
import { Icon } from './icon.js';

/** An id in full, with a button that copies it. */
export function Copyable({ value, label }: { value: string; label: string }) {
  const { t } = useTranslation();
  return (
    <span className={styles.copyable}>
      <code>{value}</code>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <ActionIcon
            variant="subtle"
            aria-label={copied ? t('common.copied') : t('common.copy', { what: label })}
            onClick={copy}
          >
            <Icon name={copied ? 'check' : 'copy'} />
          </ActionIcon>
        )}
      </CopyButton>
    </span>
  );
}

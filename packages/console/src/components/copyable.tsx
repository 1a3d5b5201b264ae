import { ActionIcon, CopyButton } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import styles from './copyable.module.css';
import { Icon } from './icon.js';

interface CopyableProps {
  value: string;
  label: string;
  /** How it is shown, where that reads better. */
  shown?: string;
}

/** An id in full, with a button that copies it. */
export function Copyable({ value, label, shown = value }: CopyableProps) {
  const { t } = useTranslation();
  return (
    <span className={styles.copyable}>
      <code>{shown}</code>
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

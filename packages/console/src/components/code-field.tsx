import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import styles from './code-field.module.css';
import { TextButton } from './text-button.js';

interface CodeFieldProps {
  error: string | null;
  /** False where only the app's code will do. Default true. */
  recovery?: boolean;
  autoFocus?: boolean;
}

/** A code of the authenticator app or, for those who lost it, a recovery code. The form's field is `code`. */
export function CodeField({ error, recovery = true, autoFocus = false }: CodeFieldProps) {
  const { t } = useTranslation();
  const [lost, setLost] = useState(false);
  return (
    <div className={styles.code}>
      <TextInput
        // A new field, so that a code half typed does not stay in the other.
        key={String(lost)}
        name="code"
        label={lost ? t('code.recovery') : t('code.label')}
        description={lost ? t('code.recoveryHint') : t('code.hint')}
        error={error}
        autoComplete={lost ? 'off' : 'one-time-code'}
        inputMode={lost ? 'text' : 'numeric'}
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        autoFocus={autoFocus || lost}
        data-autofocus={autoFocus || undefined}
      />
      {recovery ? (
        <TextButton onClick={() => setLost(!lost)}>
          {lost ? t('code.useApp') : t('code.useRecovery')}
        </TextButton>
      ) : null}
    </div>
  );
}

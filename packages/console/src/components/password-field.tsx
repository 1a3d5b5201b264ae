import { PasswordInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';

interface PasswordFieldProps {
  label: string;
  error: string | null;
  /** Default "password". */
  name?: string;
  autoComplete?: 'current-password' | 'new-password';
  description?: string;
  autoFocus?: boolean;
}

/** The password that somebody has. */
export function PasswordField(props: PasswordFieldProps) {
  const { t } = useTranslation();
  return (
    <PasswordInput
      name="password"
      autoComplete="current-password"
      visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
      // Mantine says so at every other input, but not at this one.
      aria-invalid={props.error ? true : undefined}
      {...props}
    />
  );
}

/** The password that somebody chooses. */
export function NewPasswordField(props: PasswordFieldProps) {
  const { t } = useTranslation();
  return <PasswordField autoComplete="new-password" description={t('account.passwordHint')} {...props} />;
}

import { PasswordInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';

interface PasswordFieldProps {
  label: string;
  error: string | null;
  /** Default "password". */
  name?: string;
  autoFocus?: boolean;
}

/** The password that somebody has. */
export function PasswordField({ name = 'password', ...props }: PasswordFieldProps) {
  const { t } = useTranslation();
  return (
    <PasswordInput
      name={name}
      autoComplete="current-password"
      visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
      {...props}
    />
  );
}

/** The password that somebody chooses. */
export function NewPasswordField({ name = 'password', ...props }: PasswordFieldProps) {
  const { t } = useTranslation();
  return (
    <PasswordInput
      name={name}
      autoComplete="new-password"
      description={t('account.passwordHint')}
      visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
      {...props}
    />
  );
}

import { PasswordInput, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** Name, address and password of a new account. */
export function AccountFields({ errorOf }: { errorOf: (field: string) => string | null }) {
  const { t } = useTranslation();
  return (
    <>
      <TextInput
        name="username"
        autoComplete="name"
        label={t('account.username')}
        description={t('account.usernameHint')}
        error={errorOf('username')}
        autoFocus
      />
      <TextInput
        name="email"
        type="email"
        autoComplete="username"
        label={t('account.email')}
        error={errorOf('email')}
      />
      <PasswordInput
        name="password"
        autoComplete="new-password"
        label={t('account.password')}
        description={t('account.passwordHint')}
        error={errorOf('password')}
        visibilityToggleButtonProps={{ 'aria-label': t('account.showPassword') }}
      />
    </>
  );
}

import { TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { NewPasswordField } from './password-field.js';

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
      <NewPasswordField label={t('account.password')} error={errorOf('password')} />
    </>
  );
}

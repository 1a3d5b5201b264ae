import type {
  ApiKey,
  CreatedApiKey,
  LoginItem,
  ManagedUser,
  MfaState,
  RecoveryCodes,
  Role,
  Scope,
  TotpEnrolment,
  User,
} from '@bongsu/protocol';
import { type Page, query, type Request, withSignal } from './request.js';

/** The signed-in person's own account. */
export function accountCalls(request: Request) {
  const login = (id: string) => `/auth/sessions/${encodeURIComponent(id)}`;
  return {
    rename: (username: string) => request<User>('/users/me', { method: 'PATCH', body: { username } }),

    /** @throws AUTH_ERROR when the current one is wrong */
    changePassword: (currentPassword: string, password: string) =>
      request<unknown>('/users/me/password', {
        method: 'POST',
        body: { currentPassword, password },
        password: currentPassword,
      }),

    listLogins: (cursor: string | undefined, signal?: AbortSignal) =>
      request<Page<LoginItem>>(`/auth/sessions${query({ cursor })}`, withSignal(signal)),

    endLogin: (id: string) => request<unknown>(login(id), { method: 'DELETE' }),

    endOtherLogins: () => request<unknown>('/auth/sessions', { method: 'DELETE' }),
  };
}

/** The signed-in person's second factor. */
export function mfaCalls(request: Request) {
  return {
    getMfaState: (signal?: AbortSignal) => request<MfaState>('/users/me/mfa', withSignal(signal)),

    beginTotp: (password: string) =>
      request<TotpEnrolment>('/users/me/mfa/totp', { method: 'POST', body: { password }, password }),

    confirmTotp: (code: string) =>
      request<RecoveryCodes>('/users/me/mfa/totp/confirm', { method: 'POST', body: { code } }),

    removeTotp: (password: string, code: string) =>
      request<unknown>('/users/me/mfa/totp', { method: 'DELETE', body: { password, code }, password }),

    /** The ones before count no more. */
    makeRecoveryCodes: () => request<RecoveryCodes>('/users/me/mfa/recovery-codes', { method: 'POST' }),
  };
}

export function apiKeyCalls(request: Request) {
  const one = (id: string) => `/api-keys/${encodeURIComponent(id)}`;
  return {
    listApiKeys: (cursor: string | undefined, signal?: AbortSignal) =>
      request<Page<ApiKey>>(`/api-keys${query({ cursor })}`, withSignal(signal)),

    /** `expiresAt`: milliseconds since 1970, null never. */
    createApiKey: (key: { name: string; scopes: Scope[]; expiresAt: number | null }) =>
      request<CreatedApiKey>('/api-keys', { method: 'POST', body: key }),

    /** The old key works for `overlapHours` more. */
    rotateApiKey: (id: string, overlapHours: number) =>
      request<CreatedApiKey>(`${one(id)}/rotate`, { method: 'POST', body: { overlapHours } }),

    deleteApiKey: (id: string) => request<unknown>(one(id), { method: 'DELETE' }),
  };
}

/** For administrators. */
export function userCalls(request: Request) {
  return {
    /** `email`: only the one with exactly that address. */
    listUsers: (asked: { email?: string; cursor?: string; limit: number }, signal?: AbortSignal) =>
      request<Page<ManagedUser>>(
        `/users${query({ ...asked, limit: String(asked.limit) })}`,
        withSignal(signal),
      ),

    /** @throws CONFLICT when nobody would be left to administer */
    changeUser: (userId: string, change: { role?: Role; disabled?: boolean }) =>
      request<ManagedUser>(`/users/${encodeURIComponent(userId)}`, { method: 'PATCH', body: change }),
  };
}

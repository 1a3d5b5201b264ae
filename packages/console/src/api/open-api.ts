import { requestWithoutLogin } from '@bongsu/client';
import type { AuthOptions } from '@bongsu/protocol';

/** The calls of those who are not signed in. All throw BongsuError. */
export function createOpenApi(server: string) {
  const request = <T>(path: string, body?: object) =>
    requestWithoutLogin<T>(new URL(`/api${path}`, server), body === undefined ? {} : { body });
  return {
    getAuthOptions: () => request<AuthOptions>('/auth/options'),

    /** Answers alike whether or not somebody has the address. */
    forgotPassword: (email: string) => request<unknown>('/auth/password/forgot', { email }),

    resetPassword: (token: string, password: string) =>
      request<unknown>('/auth/password/reset', { token, password }),

    verifyEmail: (token: string) => request<unknown>('/auth/email/verify', { token }),
  };
}

export type OpenApi = ReturnType<typeof createOpenApi>;

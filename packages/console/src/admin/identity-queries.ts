import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { given, PAGE_SIZE, paging } from './queries.js';
import { useServices } from './services.js';

export const identityKeys = {
  authOptions: ['auth-options'] as const,
  mfa: ['mfa'] as const,
  logins: ['logins'] as const,
  apiKeys: ['api-keys'] as const,
  users: ['users'] as const,
  userList: (email: string) => ['users', email] as const,
};

/** What those who are not signed in may do here. Pages go on without the answer: the server says no all the same. */
export function useAuthOptions() {
  const { openApi } = useServices();
  return useQuery({
    queryKey: identityKeys.authOptions,
    queryFn: () => openApi.getAuthOptions(),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useMfaState() {
  const { api } = useServices();
  return useQuery({ queryKey: identityKeys.mfa, queryFn: ({ signal }) => api.getMfaState(signal) });
}

export function useLogins() {
  const { api } = useServices();
  return useInfiniteQuery({
    queryKey: identityKeys.logins,
    queryFn: ({ pageParam, signal }) => api.listLogins(pageParam, signal),
    ...paging,
  });
}

export function useApiKeys() {
  const { api } = useServices();
  return useInfiniteQuery({
    queryKey: identityKeys.apiKeys,
    queryFn: ({ pageParam, signal }) => api.listApiKeys(pageParam, signal),
    ...paging,
  });
}

/** All users, or the one with exactly this address. */
export function useUsers(email: string) {
  const { api } = useServices();
  return useInfiniteQuery({
    queryKey: identityKeys.userList(email),
    queryFn: ({ pageParam, signal }) =>
      api.listUsers({ ...given({ email: email || undefined, cursor: pageParam }), limit: PAGE_SIZE }, signal),
    ...paging,
  });
}

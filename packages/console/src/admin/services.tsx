import { createContext, type ReactNode, use, useSyncExternalStore } from 'react';
import type { Services } from '../api/services.js';

const ServicesContext = createContext<Services | undefined>(undefined);

export function ServicesProvider({ services, children }: { services: Services; children: ReactNode }) {
  return <ServicesContext value={services}>{children}</ServicesContext>;
}

export function useServices(): Services {
  const services = use(ServicesContext);
  if (!services) throw new Error('ServicesProvider is missing');
  return services;
}

export function useUser() {
  const { session } = useServices();
  return useSyncExternalStore(session.subscribe, () => session.user);
}

export function useLinkState() {
  const { live } = useServices();
  return useSyncExternalStore(
    (listener) => live.on('state', listener),
    () => live.state,
  );
}

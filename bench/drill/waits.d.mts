export interface Clients {
  controllers: Record<string, unknown>[];
  screens: Record<string, unknown>[][];
}
export function waitsOf(
  clients: Clients,
): Record<'answered' | 'executed' | 'away', { count: number; p99: number; most: number }>;
export function paceOf(clients: Clients, endedAt: number): number;

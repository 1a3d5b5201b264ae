import type { Scope } from '@bongsu/protocol';

type Verb = 'read' | 'write';
export type Area = Scope extends `${infer Name}:${Verb}` ? Name : never;

/** What a key can be given today. A list of its own, because the protocol's would bring all its schemas along. */
export const OFFERED: readonly { area: Area; scopes: readonly Scope[] }[] = [
  { area: 'screens', scopes: ['screens:read', 'screens:write'] },
  { area: 'commands', scopes: ['commands:read', 'commands:write'] },
  { area: 'dead-letters', scopes: ['dead-letters:read', 'dead-letters:write'] },
  { area: 'users', scopes: ['users:read', 'users:write'] },
];

/** Scopes that no call asks for yet. */
export const NOT_YET: readonly Scope[] = [
  'rooms:read',
  'rooms:write',
  'metrics:read',
  'metrics:write',
  'audit:read',
  'audit:write',
];

/** "screens:read" as the two parts of its text. */
export function scopeParts(scope: Scope): { area: Area; verb: Verb } {
  const [area, verb] = scope.split(':') as [Area, Verb];
  return { area, verb };
}

const DAY_MS = 86_400_000;

/** How long a key may live, in days; the last never ends. */
export const LIFETIMES = ['30', '90', '365', 'never'] as const;
export type Lifetime = (typeof LIFETIMES)[number];

/** Milliseconds since 1970, null for never. @param now by the server's clock */
export function endOf(lifetime: Lifetime, now: number): number | null {
  return lifetime === 'never' ? null : Math.round(now + Number(lifetime) * DAY_MS);
}

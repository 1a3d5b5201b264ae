import type { Core } from '../core.js';
import type { NewRevocation } from '../store/revocations.js';

/** For clocks that differ. Every revocation can be read for at least so long. */
export const MARGIN_MS = 60_000;

/** A revocation matters until the last access token that it concerns has ended by itself. */
export function revocationOf(
  { now, config }: Pick<Core, 'now' | 'config'>,
  kind: NewRevocation['kind'],
  id: string,
  reason: string,
): NewRevocation {
  const at = now();
  return { kind, id, reason, at, until: at + config.accessTokenMs + MARGIN_MS };
}

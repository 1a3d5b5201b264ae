import { BongsuError } from '@bongsu/protocol';
import type { KeyInfo } from '../identity/index.js';
import { withOperations } from './operate.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

export interface RotateOptions extends CommonOptions {
  emergency?: boolean;
}

const TITLE = 'bongsu keys';
const HS256_HINT =
  'bongsu: JWT_ALG=HS256 has no keys of its own to rotate. Start with a new JWT_SECRET, and the present one as JWT_SECRET_PREVIOUS.';
const QUESTION =
  'End every signing key at once? All access tokens are refused from now on, all sockets are closed, and clients refresh by themselves.';

/** All there ever were, the oldest first. `--json`: {items: [{kid, alg, state, createdAt, activatedAt, retiredAt, destroyedAt}]}. */
export async function listKeys(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  return withOperations(terminal, options, TITLE, async (ask) => {
    const items = await ask('keys.list', {});
    if (options.json) terminal.out(JSON.stringify({ items }, null, 2));
    else for (const key of items) terminal.out(lineOf(key));
    return 0;
  });
}

/** `--json`: the new key, as an item of `list`. */
export async function rotateKeys(terminal: Terminal, options: RotateOptions): Promise<ExitCode> {
  const emergency = options.emergency === true;
  const agreed = !emergency || options.yes || (await terminal.confirm(QUESTION));
  if (!agreed) {
    if (agreed === undefined) terminal.err('bongsu: It asks first. Without a terminal say --yes.');
    return agreed === undefined ? 2 : 1;
  }
  return withOperations(terminal, options, TITLE, async (ask) => {
    try {
      const key = await ask('keys.rotate', { emergency });
      terminal.out(options.json ? JSON.stringify(key, null, 2) : lineOf(key));
      return 0;
    } catch (error) {
      if (!isHs256(error)) throw error;
      terminal.err(HS256_HINT);
      return 1;
    }
  });
}

function isHs256(error: unknown): boolean {
  return (
    error instanceof BongsuError && (error.details as { reason?: unknown } | undefined)?.reason === 'hs256'
  );
}

function lineOf({ kid, alg, state, createdAt, activatedAt, retiredAt, destroyedAt }: KeyInfo): string {
  const since = destroyedAt ?? retiredAt ?? activatedAt ?? createdAt;
  return `${kid}  ${alg}  ${state}  since ${new Date(since).toISOString()}`;
}

import { readFileSync } from 'node:fs';
import type { ConfigFault } from './faults.js';
import { infoOf, type SettingName } from './schema.js';

/** The names and values that `process.env` has. */
export type Environment = Readonly<Record<string, string | undefined>>;

export const PREFIX = 'BONGSU_';
const FILE_SUFFIX = '_FILE';

/** A setting as it was found: its text and the name that it was found under. */
export interface Found {
  text: string;
  source: string;
}

/** The prefixed name comes first: it can only be meant for Bongsu. */
export function namesOf(name: SettingName): string[] {
  return [name, ...(infoOf(name).aliases ?? [])].flatMap((item) => [`${PREFIX}${item}`, item]);
}

/** Kubernetes sets BONGSU_PORT=tcp://10.0.0.1:3000 in every pod beside a service named bongsu. */
function isServiceLink(text: string): boolean {
  return /^(tcp|udp|sctp):\/\//.test(text);
}

function lookUp(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === undefined || text === '' || (name.startsWith(PREFIX) && isServiceLink(text))
    ? undefined
    : text;
}

function readSecretFile(source: string, path: string): Found | ConfigFault {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? { name: source, message: `names an empty file: ${path}` } : { text, source };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return { name: source, message: `names a file that cannot be read (${code}): ${path}` };
  }
}

/** An empty value counts as absent, since `NAME=` is how compose files leave a setting out. */
export function findSetting(env: Environment, name: SettingName): Found | ConfigFault | undefined {
  const isSecret = infoOf(name).secret === true;
  for (const source of namesOf(name)) {
    const text = lookUp(env, source);
    const path = isSecret ? lookUp(env, `${source}${FILE_SUFFIX}`) : undefined;
    if (text !== undefined && path !== undefined) {
      return { name: source, message: `must not be given together with ${source}${FILE_SUFFIX}` };
    }
    if (path !== undefined) return readSecretFile(`${source}${FILE_SUFFIX}`, path);
    if (text !== undefined) return { text, source };
  }
  return undefined;
}

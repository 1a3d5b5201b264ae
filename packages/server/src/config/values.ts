import { isIP } from 'node:net';
import { z } from 'zod';
import type { RedisAddress, RedisServer } from '../platform/ephemeral/redis-server.js';
import { Secret } from './secret.js';

/** Every schema here reads the text of an environment variable. Messages never repeat the text: it may be a secret. */

const TRUE = new Set(['true', '1', 'yes', 'on']);
const FALSE = new Set(['false', '0', 'no', 'off']);

/** What a `parse` throws to refuse a value; anything else that it throws is a bug. */
class Refusal extends Error {}

function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      context.issues.push({ code: 'custom', message: error.message, input: text });
      return z.NEVER;
    }
  });
}

function parseUrl(text: string, message: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new Refusal(message);
  }
}

export const boolean = () =>
  parsed((text) => {
    const word = text.toLowerCase();
    if (TRUE.has(word)) return true;
    if (FALSE.has(word)) return false;
    throw new Refusal('must be true or false');
  });

export const integer = (min: number, max: number) =>
  parsed((text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new Refusal(`must be a whole number from ${min} to ${max}`);
  });

export const oneOf = <const T extends readonly [string, ...string[]]>(...words: T) =>
  z.enum(words, { error: () => `must be one of ${words.join(', ')}` });

/** Text of one line, without surrounding blanks. */
export const line = (pattern = /^\S(.*\S)?$/, message = 'must be one line of text') =>
  parsed((text) => {
    if (pattern.test(text)) return text;
    throw new Refusal(message);
  });

export const secretText = (minLength: number) =>
  parsed((text) => {
    if (text.length < minLength) throw new Refusal(`must have at least ${minLength} characters`);
    return new Secret(text);
  });

/** Without a trailing slash, so that paths can be appended. */
export const httpUrl = () =>
  parsed((text) => {
    const message = 'must be a URL that starts with http:// or https://, without a query';
    const url = parseUrl(text, message);
    if (!/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
      throw new Refusal(message);
    }
    return url.href.replace(/\/+$/, '');
  });

function origin(text: string): string {
  if (text === '*') throw new Refusal('must name origins; for every origin there is CORS_ALLOW_ALL_ORIGINS');
  const message = 'must be a list of origins such as https://app.example.com (no path), by commas or as JSON';
  const url = parseUrl(text, message);
  if (!/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search || url.hash || url.username) {
    throw new Refusal(message);
  }
  // It would be compared as it stands, and match nobody.
  if (url.hostname.includes('*')) throw new Refusal('must name each host in full: there are no patterns');
  return url.origin;
}

/** By commas, or as a JSON list. */
function listItems(text: string, what: string): string[] {
  let items: unknown = text.split(',');
  if (text.trimStart().startsWith('[')) {
    try {
      items = JSON.parse(text);
    } catch {
      throw new Refusal(`must be a valid JSON list of ${what}`);
    }
  }
  return (items as unknown[]).map((item) => String(item).trim()).filter(Boolean);
}

/** `https://a.example, https://b.example` or `["https://a.example"]`. */
export const origins = () => parsed((text): readonly string[] => listItems(text, 'origins').map(origin));

const ICE_URL = /^(stuns?|turns?):([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[^\]]*\])(?::(\d+))?(\?.*)?$/;
const ICE_HINT = 'must be URLs such as turn:turn.example.com:3478, by commas or as JSON';

/** As RFC 7064 and 7065 have it. A browser throws at what is not, and with it every call would fail. */
function iceUrl(text: string): string {
  if (/^(stuns?|turns?):\/\//.test(text)) throw new Refusal(`${ICE_HINT}: without //`);
  const [, scheme, host = '', , port, query] = ICE_URL.exec(text) ?? [];
  if (scheme === undefined) throw new Refusal(ICE_HINT);
  if (host.startsWith('[') && isIP(host.slice(1, -1)) !== 6) throw new Refusal(ICE_HINT);
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw new Refusal(ICE_HINT);
  if (query === undefined) return text;
  if (scheme.startsWith('stun')) throw new Refusal('must have no query in stun: and stuns: URLs');
  if (!/^\?transport=(udp|tcp)$/.test(query)) {
    throw new Refusal('must have no query but ?transport=udp or ?transport=tcp');
  }
  return text;
}

/** `stun:`, `stuns:`, `turn:` and `turns:` URLs. */
export const iceUrls = () =>
  parsed((text): readonly string[] => [...new Set(listItems(text, 'URLs').map(iceUrl))]);

export const isTurnUrl = (url: string): boolean => /^turns?:/.test(url);

const PROXY_NAMES = new Set(['loopback', 'linklocal', 'uniquelocal']);

function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** `false`, `true`, a number of hops, or addresses and ranges by commas: what Fastify's `trustProxy` takes. */
export const trustProxy = () =>
  parsed((text): boolean | number | string[] => {
    const word = text.toLowerCase();
    if (word === 'true' || word === 'false') return word === 'true';
    if (/^\d{1,2}$/.test(text)) return Number(text);
    const items = text.split(',').map((item) => item.trim());
    if (items.every((item) => PROXY_NAMES.has(item) || isAddressRange(item))) return items;
    throw new Refusal('must be true, false, a number of hops, or addresses such as 10.0.0.0/8 by commas');
  });

/** `postgresql+driver://`, as other languages write it, is read as `postgresql://`. */
export const databaseUrl = () =>
  parsed((text) => {
    const message = 'must be a URL such as postgresql://user:password@host:5432/name';
    if (!/^postgres(ql)?(\+\w+)?:\/\//.test(text)) throw new Refusal(message);
    const plain = text.replace(/^[^:]+:/, 'postgresql:');
    parseUrl(plain, message);
    return new Secret(plain);
  });

const REDIS_MESSAGE =
  'must be a URL such as redis://user:password@host:6379, redis+sentinel://host,host/name or redis+cluster://host,host';
/** Not read by URL, which knows no list of hosts. */
const REDIS_URL = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^/?#@]+)(?:\/([^?#]*))?$/;
const REDIS_HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?))(?::(\d{1,5}))?$/;
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** `redis://`, `redis+sentinel://a,b/name/db` and `redis+cluster://a,b`, with user and password; `rediss…` goes by TLS. */
export const redisUrl = () => parsed((text) => new Secret(redisServer(text)));

function redisServer(text: string): RedisServer {
  const [, tls, group = 'single', login, hosts = '', path = ''] = REDIS_URL.exec(text) ?? [];
  if (tls === undefined) throw new Refusal(REDIS_MESSAGE);
  const kind = group as RedisServer['kind'];
  const addresses = hosts.split(',').map((host) => redisAddress(host.trim(), kind));
  if (kind === 'single' && addresses.length > 1) throw new Refusal(REDIS_MESSAGE);
  const [first = '', ...rest] = path.split('/').map((part) => redisPart(part));
  const [master, db = ''] = kind === 'sentinel' ? [first, ...rest] : [undefined, first, ...rest];
  if (rest.length > (kind === 'sentinel' ? 1 : 0) || !/^\d{0,4}$/.test(db)) throw new Refusal(REDIS_MESSAGE);
  if (master === '')
    throw new Refusal('must name the primary that the sentinels watch: redis+sentinel://host,host/name');
  if (kind === 'cluster' && Number(db) > 0)
    throw new Refusal('must name no database: a cluster has only one');
  return { kind, addresses, master, db: Number(db), ...redisLogin(login), tls: tls !== '' };
}

function redisAddress(text: string, kind: RedisServer['kind']): RedisAddress {
  const [, ipv6, name, port] = REDIS_HOST.exec(text) ?? [];
  const host = ipv6 ?? name;
  if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535)
    throw new Refusal(REDIS_MESSAGE);
  return { host, port: Number(port ?? (kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT)) };
}

/** `:password`, or `user:password`. */
function redisLogin(login: string | undefined): Pick<RedisServer, 'user' | 'password'> {
  if (login === undefined) return {};
  const at = login.indexOf(':');
  const [user, password] = [redisPart(login.slice(0, at)), redisPart(login.slice(at + 1))];
  if (at < 0 || password === '')
    throw new Refusal('must have a password before the @, as in redis://:password@host');
  return user === '' ? { password } : { user, password };
}

function redisPart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(`${REDIS_MESSAGE}; write % as %25`);
  }
}

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** `always` from the first byte, `upgrade` by STARTTLS, which is then a must, `off` in clear. */
  readonly tls: 'always' | 'upgrade' | 'off';
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

const SMTP_MESSAGE = 'must be a URL such as smtps://user:password@mail.example.com:465';
const SMTP_HOST = /^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(SMTP_MESSAGE);
  }
}

/** What could be read on its way is encrypted: only on this machine, or where `?tls=off` says so, mail goes in clear. */
function smtpTls({ protocol, hostname, searchParams }: URL): SmtpServer['tls'] {
  const asked = searchParams.get('tls');
  const others = [...searchParams.keys()].some((key) => key !== 'tls');
  if (others || (asked !== null && asked !== 'off')) throw new Refusal('must have no query but ?tls=off');
  if (protocol === 'smtps:') {
    if (asked !== null) throw new Refusal('must not be smtps:// with ?tls=off');
    return 'always';
  }
  return asked === 'off' || LOOPBACK.test(hostname) ? 'off' : 'upgrade';
}

/** `smtp://` (STARTTLS) or `smtps://`, with credentials where the server wants them. */
export const smtpUrl = () =>
  parsed((text) => {
    const url = parseUrl(text, SMTP_MESSAGE);
    const { protocol, hostname, port, username, password, pathname, hash } = url;
    const isSmtp = protocol === 'smtp:' || protocol === 'smtps:';
    if (!isSmtp || !SMTP_HOST.test(hostname) || (pathname !== '' && pathname !== '/') || hash !== '') {
      throw new Refusal(SMTP_MESSAGE);
    }
    if ((username === '') !== (password === ''))
      throw new Refusal('must name both user and password, or neither');
    const tls = smtpTls(url);
    if (tls === 'off' && username !== '' && !LOOPBACK.test(hostname)) {
      throw new Refusal('must not send a password in clear: leave ?tls=off away');
    }
    return new Secret<SmtpServer>({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (tls === 'always' ? 465 : 587) : Number(port),
      tls,
      auth: username === '' ? undefined : { user: decoded(username), pass: decoded(password) },
    });
  });

export interface MailFrom {
  readonly name: string;
  readonly address: string;
  /** As it was written. */
  toString(): string;
}

/** `noreply@example.com`, or `Name <noreply@example.com>`. */
export const mailFrom = () =>
  parsed((text): MailFrom => {
    const [, quoted, plain, inBrackets, bare] =
      /^(?:(?:"([^"]*)"|([^"<>]*))\s*<([^<>]*)>|([^<>\s]+))$/.exec(text) ?? [];
    const address = (inBrackets ?? bare ?? '').trim();
    const name = (quoted ?? plain ?? '').trim();
    if (!z.email().safeParse(address).success || /\p{Cc}/u.test(name)) {
      throw new Refusal('must be an address such as noreply@example.com, or Name <noreply@example.com>');
    }
    return { name, address, toString: () => text };
  });

/** Words of at least six letters: chance makes one of them in a good secret less often than once in a hundred thousand. */
const SAMPLE =
  /change.?(me|this)|replace.?(me|this)|your.?(\w+.)?key|example|sample|placeholder|secret|passw[o0]rd|default|development|insecure|keyboard|qwerty|letmein|openssl|0123456789|1234567890|abcdefghij/i;

/** Few characters, or a piece that comes again and again, also where the last one is cut off. */
function isRepeated(text: string): boolean {
  if (new Set(text).size < 10) return true;
  const longest = Math.floor(text.length / 2);
  for (let period = 1; period <= longest; period += 1) {
    if (text.startsWith(text.slice(period))) return true;
  }
  return false;
}

/** At least 64 characters that nobody could guess. */
export const signingSecret = () =>
  parsed((text) => {
    if (text.length < 64) throw new Refusal('must have at least 64 characters');
    if (isRepeated(text)) throw new Refusal('must not repeat itself: make it by chance');
    if (SAMPLE.test(text)) throw new Refusal('must not be a sample value: make it by chance');
    return new Secret(text);
  });

export interface PiiKey {
  readonly kid: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

function piiKey(text: string): PiiKey {
  const [, kid, encoded] = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+={0,2})$/.exec(text) ?? [];
  if (kid === undefined || encoded === undefined) {
    throw new Refusal('must be kid:base64, several by commas, the active one first');
  }
  const key = Buffer.from(encoded, 'base64');
  if (key.length !== 32) throw new Refusal('must hold keys of 32 bytes each, in base64');
  if (new Set(key).size < 8) throw new Refusal('must not hold a key that repeats itself: make it by chance');
  return { kid, key: new Uint8Array(key) };
}

/** `kid:base64[,kid:base64]`: the first encrypts, all decrypt. */
export const piiKeys = () =>
  parsed((text) => {
    const keys = text.split(',').map((item) => piiKey(item.trim()));
    if (new Set(keys.map(({ kid }) => kid)).size < keys.length)
      throw new Refusal('must not name a kid twice');
    return new Secret<readonly PiiKey[]>(keys);
  });

/** A schema of the protocol, for a setting that a person could as well type into the console. */
export const checkedBy = <T>(schema: z.ZodType<T>, message: string) =>
  parsed((text) => {
    const result = schema.safeParse(text);
    if (!result.success) throw new Refusal(message);
    return result.data;
  });

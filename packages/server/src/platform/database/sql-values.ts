import pg from 'pg';
import { DatabaseError, type SqlValue } from './database.js';

/** Turns parameters into what travels: texts in the input syntax of PostgreSQL, the same on both adapters. */
export function encodeParameters(parameters: readonly SqlValue[]): (string | null)[] {
  return parameters.map(encode);
}

function encode(value: SqlValue): string | null {
  if (value === null) return null;
  if (typeof value === 'string') return checkedText(value);
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return `{${value.map(encodeElement).join(',')}}`;
}

function encodeElement(element: string | number | null): string {
  if (element === null) return 'NULL';
  if (typeof element === 'number') return String(element);
  return `"${checkedText(element).replace(/["\\]/g, '\\$&')}"`;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** PostgreSQL stores no NUL, and a lone surrogate would silently become another text. */
function checkedText(text: string): string {
  if (text.includes('\0')) throw new DatabaseError('content', 'A text holds a NUL character');
  if (LONE_SURROGATE.test(text)) throw new DatabaseError('content', 'A text holds a lone surrogate');
  return text;
}

const INT8 = 20;
const INT8_ARRAY = 1016;
const BYTEA = 17;
const BYTEA_ARRAY = 1001;
const TEXT_ARRAY: number = 1009;

/** For one pool: the parsers of `pg` itself are global, and other users of the process may want them as they are. */
export const valueParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary') {
      if (oid === INT8) return parseInt8;
      if (oid === INT8_ARRAY) return (text: string) => parseArray(text, parseInt8);
      if (oid === BYTEA) return parseBytea;
      if (oid === BYTEA_ARRAY) return (text: string) => parseArray(text, parseBytea);
    }
    return pg.types.getTypeParser(oid, format);
  },
};

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new DatabaseError('content', 'An int8 is beyond 2^53');
  return value;
}

function parseBytea(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.slice(2), 'hex'));
}

const parseTextArray: (text: string) => (string | null)[] = pg.types.getTypeParser(TEXT_ARRAY);

function parseArray<T>(text: string, parse: (element: string) => T): (T | null)[] {
  return parseTextArray(text).map((element) => (element === null ? null : parse(element)));
}

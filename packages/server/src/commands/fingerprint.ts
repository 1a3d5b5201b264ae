import { hash } from 'node:crypto';
import type { Target } from '@bongsu/protocol';

/** What a command says, apart from how it is delivered: two commands of one id must agree in it. */
export type CommandContent =
  | { type: 'trigger'; action: string; data?: unknown; displayIndex?: number | undefined }
  | { type: 'navigate'; url: string; displayIndex?: number | undefined }
  | { type: 'message'; data: unknown };

export interface Written {
  /** JSON text of the type's own fields, in the sender's order of keys. */
  payload: string;
  /** The first 16 bytes of SHA-256, as hex. */
  fingerprint: string;
}

const FINGERPRINT_HEX = 32;

/** Writes the content as text, once, and makes its fingerprint: sorted-key JSON of {type, target, action|url|data, displayIndex}. */
export function writeContent(content: CommandContent, target: Target): Written {
  const targetText = JSON.stringify(target);
  if (content.type === 'message') {
    const payload = `{"data":${JSON.stringify(content.data)}}`;
    const sorted = `{"data":${sortedJson(content.data)},"target":${targetText},"type":"message"}`;
    return { payload, fingerprint: digest(sorted) };
  }
  const display = content.displayIndex === undefined ? '' : `"displayIndex":${content.displayIndex}`;
  if (content.type === 'navigate') {
    const url = `"url":${JSON.stringify(content.url)}`;
    const payload = display === '' ? `{${url}}` : `{${url},${display}}`;
    const first = display === '' ? '' : `${display},`;
    return { payload, fingerprint: digest(`{${first}"target":${targetText},"type":"navigate",${url}}`) };
  }
  const action = `"action":${JSON.stringify(content.action)}`;
  const { data } = content;
  const tail = display === '' ? '' : `,${display}`;
  const dataText = data === undefined ? '' : `,"data":${JSON.stringify(data)}`;
  const sortedData = data === undefined ? '' : `,"data":${sortedJson(data)}`;
  return {
    payload: `{${action}${dataText}${tail}}`,
    fingerprint: digest(`{${action}${sortedData}${tail},"target":${targetText},"type":"trigger"}`),
  };
}

function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, FINGERPRINT_HEX);
}

/** Builds text only: a key named `__proto__` is a key like any other. */
export function sortedJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? sortedJson(item) : `,${sortedJson(item)}`;
    return `[${text}]`;
  }
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(value).sort()) {
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${sortedJson(fields[key])}`;
  }
  return `{${text}}`;
}

import { ActionSchema, type Target, UrlSchema } from '@bongsu/protocol';
import type { Draft } from '../api/live.js';

/** The form as it was typed. */
export interface Typed {
  type: Draft['type'];
  action: string;
  data: string;
  url: string;
  /** "" for none. */
  display: string;
}

export interface DraftFault {
  field: 'action' | 'data' | 'url';
  why: string;
}

/** The command that the form means, or which field is wrong. */
export function readDraft(target: Target, typed: Typed): { draft?: Draft; fault?: DraftFault } {
  const to = { target, ...(typed.display === '' ? {} : { displayIndex: Number(typed.display) }) };
  if (typed.type === 'navigate') {
    const url = UrlSchema.safeParse(typed.url.trim());
    return url.success ? { draft: { type: 'navigate', ...to, url: url.data } } : fault('url', url.error);
  }
  const action = ActionSchema.safeParse(typed.action.trim());
  if (!action.success) return fault('action', action.error);
  try {
    return { draft: { type: 'trigger', ...to, action: action.data, ...dataOf(typed.data) } };
  } catch (error) {
    return fault('data', error);
  }
}

/** Nothing typed is no data; everything else must be JSON. */
function dataOf(typed: string): { data?: unknown } {
  return typed.trim() === '' ? {} : { data: JSON.parse(typed) as unknown };
}

function fault(field: DraftFault['field'], error: unknown): { fault: DraftFault } {
  return { fault: { field, why: error instanceof Error ? error.message : String(error) } };
}

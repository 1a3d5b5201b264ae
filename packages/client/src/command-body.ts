import { type ErrorCode, MAX_BODY_BYTES, MAX_DATA_BYTES } from '@bongsu/protocol';

const encoder = new TextEncoder();

/**
 * A command as JSON: a retry must say the same as the first transmission, whatever the caller does meanwhile. What
 * would close the whole connection (a frame too large) or never arrive is refused here.
 */
export function checkedBody(draft: Record<string, unknown>): {
  body: string;
  bytes: number;
  fault?: ErrorCode;
} {
  try {
    const body = JSON.stringify(draft);
    const bytes = encoder.encode(body).length;
    // The data are a part of the body: only a large one needs a second look.
    const dataBytes = bytes > MAX_DATA_BYTES ? encoder.encode(JSON.stringify(draft.data) ?? '').length : 0;
    const tooLarge = dataBytes > MAX_DATA_BYTES || bytes > MAX_BODY_BYTES;
    return { body, bytes, ...(tooLarge ? { fault: 'PAYLOAD_TOO_LARGE' } : {}) };
  } catch {
    return { body: '', bytes: 0, fault: 'VALIDATION_ERROR' };
  }
}

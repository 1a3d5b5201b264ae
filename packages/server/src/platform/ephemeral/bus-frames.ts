import type { BusMessage } from './ephemeral.js';

/**
 * As it is sent: who, [channel, number, message] of each message, at a heartbeat the last number of each channel, and where it came
 * from when another region's.
 */
export type Frame = readonly [
  publisher: string,
  messages: readonly (readonly [channel: string, number: number, message: BusMessage])[],
  numbers?: Readonly<Record<string, number>> | null,
  mark?: string,
];

/** Undefined for what is no frame, whoever published it. */
export function parseFrame(text: string): Frame | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    return isFrame(frame) ? frame : undefined;
  } catch {
    return undefined;
  }
}

function isFrame(frame: unknown): frame is Frame {
  if (!Array.isArray(frame)) return false;
  const [publisher, messages, numbers = {}] = frame as unknown[];
  return (
    typeof publisher === 'string' &&
    Array.isArray(messages) &&
    messages.every(
      (one) => Array.isArray(one) && typeof one[0] === 'string' && Number.isSafeInteger(one[1]),
    ) &&
    typeof numbers === 'object' &&
    Object.values(numbers ?? {}).every(Number.isSafeInteger)
  );
}

import type { ScreenEvent } from './history.js';
import type { Death, Instructions } from './messages.js';

/** What both kinds of screens share: their file, and the moment at which they are to die. */
export interface ScreenHost {
  write(event: ScreenEvent): void;
  /** SIGKILL of this process, if it is time. */
  reach(point: Death): void;
  changed(): void;
  fault(text: string): void;
}

export interface ChaosScreen {
  readonly online: boolean;
  readonly executed: number;
  duplicate(): void;
  close(): Promise<void>;
}

/** What the sender wants of the screen; pages are always shown. */
export function instructionsOf(entry: { type: string; data?: unknown }): Instructions {
  const { data } = entry;
  return entry.type === 'trigger' && typeof data === 'object' && data !== null && 'do' in data
    ? (data as Instructions)
    : { do: 'run' };
}

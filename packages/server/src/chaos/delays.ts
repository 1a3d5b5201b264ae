import type { ControllerRecord, ScreenRecord } from './history.js';

/**
 * From the answer to a command until a screen ran it, of what was answered in this time, milliseconds.
 * @returns P95, or undefined when nothing was both answered then and run
 */
export function delayP95(
  { controllers, screens }: { controllers: readonly ControllerRecord[]; screens: readonly ScreenRecord[] },
  { from, to }: { from: number; to: number },
): number | undefined {
  const ranAt = new Map<string, number>();
  for (const record of screens)
    if (record.kind === 'run' && !ranAt.has(record.id)) ranAt.set(record.id, record.at);
  const delays = controllers
    .flatMap((record) => {
      if (record.kind !== 'ok' || record.duplicate || record.at < from || record.at > to) return [];
      const ran = ranAt.get(record.id);
      return ran === undefined ? [] : [Math.max(0, ran - record.at)];
    })
    .sort((a, b) => a - b);
  return delays[Math.ceil(delays.length * 0.95) - 1];
}

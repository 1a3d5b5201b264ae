import type { Log } from '../../src/platform/log.js';

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  context: object;
  message: string;
}

/** A log that keeps its lines for a test to read. */
export function memoryLog(lines: LogLine[] = [], bound: object = {}): Log & { lines: LogLine[] } {
  const at = (level: LogLine['level']) => (context: object, message: string) => {
    lines.push({ level, context: { ...bound, ...context }, message });
  };
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: (context) => memoryLog(lines, { ...bound, ...context }),
  };
}

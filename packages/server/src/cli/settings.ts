import { type ConfigFault, formatFault, type Loaded, loadConfig } from '../config.js';
import type { Terminal } from './terminal.js';

export type ValidSettings = Extract<Loaded, { ok: true }>;

export function reportFaults(terminal: Terminal, faults: readonly ConfigFault[]): void {
  const count = faults.length === 1 ? 'One setting is wrong' : `${faults.length} settings are wrong`;
  terminal.err(`bongsu: ${count}:`);
  for (const fault of faults) terminal.err(`  ${formatFault(fault)}`);
  terminal.err('docs/config.md describes every setting.');
}

/** The settings, or undefined after every fault was reported on stderr; the exit code is then 2. */
export function readSettings(terminal: Terminal): ValidSettings | undefined {
  const loaded = loadConfig(terminal.env);
  if (loaded.ok) return loaded;
  for (const warning of loaded.warnings) terminal.err(`Warning: ${warning}`);
  reportFaults(terminal, loaded.faults);
  return undefined;
}

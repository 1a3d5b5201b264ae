import { loadConfig } from '../config.js';
import { readSettings, reportFaults } from './settings.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

/** `--json`: {ok, faults: [{name, message, example?}], warnings}. Exit 2 when there are faults. */
export function checkConfig(terminal: Terminal, options: CommonOptions): ExitCode {
  const loaded = loadConfig(terminal.env);
  const faults = loaded.ok ? [] : loaded.faults;
  if (options.json) {
    terminal.out(JSON.stringify({ ok: loaded.ok, faults, warnings: loaded.warnings }, null, 2));
    return loaded.ok ? 0 : 2;
  }
  for (const warning of loaded.warnings) terminal.err(`Warning: ${warning}`);
  if (!loaded.ok) reportFaults(terminal, faults);
  else if (!options.quiet) terminal.out('All settings are valid.');
  return loaded.ok ? 0 : 2;
}

/** `--json`: {settings: {NAME: {value, source}}}; secrets are `***`, absent settings null. */
export function printConfig(terminal: Terminal, options: CommonOptions): ExitCode {
  const loaded = readSettings(terminal);
  if (!loaded) return 2;
  const names = Object.keys(loaded.sources) as (keyof typeof loaded.sources)[];
  if (options.json) {
    const settings = names.map((name) => [
      name,
      { value: loaded.settings[name] ?? null, source: loaded.sources[name] },
    ]);
    terminal.out(JSON.stringify({ settings: Object.fromEntries(settings) }, null, 2));
    return 0;
  }
  for (const name of names) {
    const source = loaded.sources[name];
    terminal.out(
      `${name}=${String(loaded.settings[name] ?? '')}${source === 'default' ? '' : `  # ${source}`}`,
    );
  }
  return 0;
}

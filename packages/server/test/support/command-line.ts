import { runCommandLine } from '../../src/cli/command-line.js';
import type { Ended } from './bongsu-processes.js';

/** A command that ends by itself, inside of this process: as BongsuProcesses runs it, without the second that a start costs. */
export async function runInProcess(
  args: readonly string[],
  env: Record<string, string>,
  stdin: readonly string[] = [],
): Promise<Ended> {
  const text = { out: '', err: '' };
  const never = (): never => {
    throw new Error('It is for the process of its own');
  };
  const code = await runCommandLine(args, {
    env,
    isTty: false,
    out: (line) => {
      text.out += `${line}\n`;
    },
    err: (line) => {
      text.err += `${line}\n`;
    },
    confirm: async () => undefined,
    secret: async () => stdin[0],
    lines: async function* () {
      yield* stdin;
    },
    onSignal: never,
    onUncaught: never,
    exit: never,
  });
  return { code, ...text };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** Examples as a reader runs them: compiled packages, a process of their own (`npx tsc -b` comes first). */
export class ExampleProcesses {
  readonly #children: ChildProcess[] = [];

  run(name: string, env: Record<string, string>) {
    const child = spawn(process.execPath, [join(ROOT, 'examples', name)], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, ...env },
    });
    this.#children.push(child);
    let output = '';
    let wake = () => {};
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        wake();
      });
    }
    const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
    const seen = async (pattern: RegExp): Promise<RegExpMatchArray> => {
      for (;;) {
        const match = output.match(pattern);
        if (match) return match;
        const more = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const ended = await Promise.race([more.then(() => false), exit.then(() => true)]);
        if (ended && !pattern.test(output)) throw new Error(`${name} ended without ${pattern}:\n${output}`);
      }
    };
    return { child, exit, seen, output: () => output };
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

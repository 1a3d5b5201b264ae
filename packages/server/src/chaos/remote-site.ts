import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { networks, screenFaults } from './local-faults.js';
import { until } from './processes.js';
import type { Fault, Site } from './site.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

export interface RemoteSiteOptions {
  url: string;
  /** What may be done to it, by name: shell commands. `heal` is run after each of them. */
  commands: ReadonlyMap<string, string>;
}

interface Links {
  controllers: TcpProxy;
  screens: TcpProxy;
}

const BACK_MS = 120_000;
const HEAL = 'heal';

/** Somebody's deployment, by its URL: hurt only by the commands that its owner names, and by what our own clients suffer. */
export class RemoteSite implements Site {
  readonly url: string;
  readonly faults: readonly Fault[];
  readonly #commands: ReadonlyMap<string, string>;
  readonly #links: Links | undefined;

  private constructor({ url, commands }: RemoteSiteOptions, links: Links | undefined) {
    this.url = url;
    this.#commands = commands;
    this.#links = links;
    const names = [...commands.keys()].filter((name) => name !== HEAL);
    this.faults = [
      ...names.map((name) => this.#commandFault(name)),
      ...(links
        ? [...networks('controllers', links.controllers), ...networks('screens', links.screens)]
        : []),
      ...screenFaults(),
    ];
  }

  static async open(options: RemoteSiteOptions): Promise<RemoteSite> {
    const { protocol, hostname, port } = new URL(options.url);
    // TLS names its host: a link of ours in between would not be believed.
    if (protocol === 'https:') return new RemoteSite(options, undefined);
    const link = () => startTcpProxy(Number(port || 80), hostname);
    return new RemoteSite(options, { controllers: await link(), screens: await link() });
  }

  get controllersUrl(): string {
    return this.#links ? `http://127.0.0.1:${this.#links.controllers.port}` : this.url;
  }

  get screensUrl(): string {
    return this.#links ? `http://127.0.0.1:${this.#links.screens.port}` : this.url;
  }

  screenClockMs(): number {
    return 0;
  }

  async heal(): Promise<void> {
    for (const link of Object.values(this.#links ?? {})) link.heal();
    const command = this.#commands.get(HEAL);
    if (command !== undefined) await shell(command);
    const isReady = () =>
      fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(2000) }).then(
        (answer) => answer.ok,
        () => false,
      );
    await until(`${this.url} is ready`, isReady, { timeoutMs: BACK_MS, everyMs: 50 });
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#links ?? {}).map((link) => link.close()));
  }

  #commandFault(name: string): Fault {
    return {
      name,
      isKill: name.startsWith('kill'),
      strike: async () => {
        await shell(this.#commands.get(name) ?? '');
        return true;
      },
    };
  }
}

/** @throws Error when it fails */
async function shell(command: string): Promise<void> {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-1000);
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${output.trim()}`);
}

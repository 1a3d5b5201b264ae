import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { runnerImport } from 'vite';
import { serve, signUp } from '../../lib/bongsu.mjs';
import { freePort, stop } from '../../lib/processes.mjs';
import { bundlePage } from './bundle.mjs';
import { Caller } from './caller.mjs';
import { startSignalProxy } from './signal-proxy.mjs';

const SECRET = 'a secret that only this proof has, 32 long';
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
];

/** A server, a TURN server, a browser, and for each person a network of their own; all on this machine. */
export class Site {
  #folder = mkdtempSync(join(tmpdir(), 'bongsu-calls-'));
  #ends = [];
  #settings = {};
  #server;
  #script;
  #coturn;
  browser;
  url;

  /** `settings` of the server besides; `turn`: with a TURN server. */
  static async start({ settings = {}, turn = false } = {}) {
    const site = new Site();
    try {
      await site.#start(settings, turn);
      return site;
    } catch (error) {
      await site.stop();
      throw error;
    }
  }

  async #start(settings, turn) {
    if (turn) {
      const { startCoturn } = await support('coturn');
      this.#coturn = await startCoturn({ secrets: [SECRET] });
      this.#ends.push(() => this.#coturn.remove());
    }
    const PORT = String(await freePort());
    const relay = turn ? { TURN_URLS: this.#coturn.url, TURN_SECRET: SECRET } : {};
    this.#settings = { PORT, DATA_DIR: join(this.#folder, 'data'), ...relay, ...settings };
    this.url = `http://127.0.0.1:${PORT}`;
    await this.startServer();
    this.#script = await bundlePage();
    this.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
      args: CHROMIUM_FLAGS,
    });
    this.#ends.push(() => this.browser.close());
  }

  async startServer() {
    this.#server = await serve(this.#settings);
  }

  /** kill -9: no handler of the server runs. */
  async killServer() {
    await stop(this.#server.child, 'SIGKILL');
  }

  async stop() {
    for (const end of this.#ends.splice(0).reverse()) await end();
    if (this.#server) await this.killServer();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  /** A window of somebody new, who is in no room yet. */
  async newCaller() {
    const person = await signUp(this.url);
    const network = await this.#newNetwork();
    const context = await this.browser.newContext({ viewport: { width: 480, height: 400 }, bypassCSP: true });
    const caller = await Caller.open({ context, person, network, script: this.#script });
    this.#ends.push(() => caller.close());
    return caller;
  }

  /** A window of its own, as somebody who opens the console. */
  async newWindow() {
    const context = await this.browser.newContext({ viewport: { width: 1000, height: 860 } });
    this.#ends.push(() => context.close().catch(() => {}));
    return context.newPage();
  }

  async #newNetwork() {
    const signals = await startSignalProxy(Number(this.#settings.PORT));
    this.#ends.push(() => signals.close());
    if (!this.#coturn) return { signals };
    const { startUdpProxy } = await support('udp-proxy');
    const media = await startUdpProxy(this.#coturn.port);
    this.#ends.push(() => media.close());
    return { signals, media, turnPort: { from: this.#coturn.port, to: media.port } };
  }

  /** The sum of one of the server's counters. */
  async metric(name) {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const values = text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}

/** The tests' own, which is TypeScript. */
async function support(name) {
  const path = new URL(`../../../packages/server/test/support/${name}.ts`, import.meta.url);
  return (await runnerImport(fileURLToPath(path))).module;
}

import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Ephemeral } from './ephemeral.js';
import { MemoryBus } from './memory-bus.js';
import { MemoryStore, type MemoryStoreConfig } from './memory-store.js';

/** `Ephemeral` in one process. */
export class MemoryEphemeral extends MemoryStore implements Ephemeral {
  readonly kind = 'memory';
  readonly bus: MemoryBus;

  constructor(clock: Clock, log: Log, config?: MemoryStoreConfig) {
    super(clock, log, config);
    this.bus = new MemoryBus(log);
  }

  override async close(): Promise<void> {
    this.bus.close();
    await super.close();
  }
}

import type { RedisLink } from './redis-link.js';
import type { MirrorEntry, StreamMirror } from './stream-mirror.js';

/** Calls under way at once. */
const A_ROUND = 100;

/** A stream a group, `<prefix>:<name>:{group}`, and beside it which entry of it has which id. */
export class RedisMirror implements StreamMirror {
  constructor(
    private readonly link: Pick<RedisLink, 'call' | 'keys'>,
    private readonly name: string,
    readonly onChange: StreamMirror['onChange'],
  ) {}

  async append(group: string, entries: readonly MirrorEntry[]): Promise<void> {
    const { keys } = this.link;
    await this.link.call((client) => client.sadd(keys.mirrorGroups(this.name), group));
    const [stream, ids] = keys.mirror(this.name, group);
    for (let i = 0; i < entries.length; i += A_ROUND) {
      const round = entries.slice(i, i + A_ROUND);
      await Promise.all(
        round.map(({ id, fields }) =>
          this.link.call((client) =>
            client.bongsuMirrorAppend(stream, ids, id, ...Object.entries(fields).flat()),
          ),
        ),
      );
    }
  }

  async remove(group: string, entries: readonly string[]): Promise<void> {
    if (entries.length === 0) return;
    const [stream, ids] = this.link.keys.mirror(this.name, group);
    const left = await this.link.call((client) => client.bongsuMirrorRemove(stream, ids, ...entries));
    if (left === 0)
      await this.link.call((client) => client.srem(this.link.keys.mirrorGroups(this.name), group));
  }

  groups(): Promise<string[]> {
    return this.link.call((client) => client.smembers(this.link.keys.mirrorGroups(this.name)));
  }

  async *ids(group: string, aPage: number): AsyncIterable<string[]> {
    const [, ids] = this.link.keys.mirror(this.name, group);
    let cursor = '0';
    do {
      const [next, flat] = await this.link.call((client) => client.hscan(ids, cursor, 'COUNT', aPage));
      cursor = next;
      const page = flat.filter((_, index) => index % 2 === 0);
      if (page.length > 0) yield page;
    } while (cursor !== '0');
  }

  size(group: string): Promise<number> {
    const [, ids] = this.link.keys.mirror(this.name, group);
    return this.link.call((client) => client.hlen(ids));
  }

  async takeTurn(ms: number): Promise<boolean> {
    const turn = this.link.keys.mirrorTurn(this.name);
    return (await this.link.call((client) => client.set(turn, '1', 'PX', ms, 'NX'))) === 'OK';
  }

  async isLost(): Promise<boolean> {
    const there = await this.link.call((client) => client.exists(this.link.keys.mirrorMark(this.name)));
    return there === 0;
  }

  async begin(): Promise<void> {
    await this.link.call((client) => client.set(this.link.keys.mirrorMark(this.name), '1'));
  }
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBalancer } from '../../lib/balancer.mjs';
import { memoryFolder } from '../../lib/memory-folder.mjs';
import { startPostgres } from '../../lib/postgres.mjs';
import { startRedis } from '../../lib/redis.mjs';

const CHAOS = new URL('../../../packages/server/dist/chaos/', import.meta.url);
const { ClusterSite } = await import(new URL('cluster-site.js', CHAOS));
const { chooseFaults, Session } = await import(new URL('session.js', CHAOS));

/**
 * Faults in full flight on several nodes: the report of a session, which faults were chosen for it, and what screens were sent that had
 * come in at another node; nothing when there is none to choose.
 * @param options.balancer `nginx` or `haproxy`; without one, controllers and screens are kept on different nodes
 * @param options.only which of `faults` @param options.load of the session, its own by default
 * @param options.judge what is wrong with the report: histories and the nodes' logs stay to be read then
 */
export async function chaosOn(options) {
  const { nodes, balancer: engine, seed, runs, faults, only = () => true, load, judge, log } = options;
  // Screens keep their place on disks of their own: none of them waits for the one of the database.
  const folder = mkdtempSync(join(memoryFolder(), `bongsu-cluster-${nodes}-`));
  const postgres = await startPostgres();
  const redis = await startRedis();
  const database = await postgres.freshDatabase();
  let kept = true;
  let site;
  let balancer;
  try {
    const { PATH, HOME } = process.env;
    site = await ClusterSite.prepare({
      folder,
      nodes,
      redis,
      postgres: {
        ...postgres,
        url: database.url,
        endBackends: () => postgres.endBackends(database.name),
      },
      environment: { PATH, HOME },
      ...(engine
        ? {
            balancer: async (ports, sides) => {
              balancer = await startBalancer({ engine, ports, sides });
              return balancer;
            },
          }
        : {}),
    });
    const chosen = chooseFaults(site.faults, faults)
      .filter(only)
      .map(({ name }) => name);
    if (chosen.length === 0) {
      kept = false;
      return undefined;
    }
    await site.start();
    const session = new Session({ site, folder, seed, runs, log, ...load, faults: chosen });
    const report = { ...(await session.run()), chosen, crossing: site.crossing };
    kept = judge(report).length > 0;
    return report;
  } finally {
    await site?.close();
    await balancer?.stop();
    await redis.stop();
    await postgres.stop();
    if (kept) keep(folder, site, log);
    else rmSync(folder, { recursive: true, force: true });
  }
}

function keep(folder, site, log) {
  writeFileSync(join(folder, 'nodes.log'), site?.output() ?? '');
  log(`the histories and the logs of the nodes stay in ${folder}`);
}

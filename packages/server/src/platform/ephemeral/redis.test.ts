import { setTimeout as pass } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import { memoryLog } from '../../../test/support/memory-log.js';
import {
  describeWithRedis,
  type RedisGroup,
  startRedis,
  startRedisCluster,
  type ThrowAwayRedis,
} from '../../../test/support/redis.js';
import { systemClock } from '../clock.js';
import { Metrics } from '../metrics.js';
import { Breakers } from '../resilience/breakers.js';
import { ephemeralContract } from './ephemeral.contract.js';
import { RedisEphemeral } from './redis.js';
import type { RedisServer } from './redis-server.js';

async function open(server: RedisServer, prefix = 'bongsu') {
  const log = memoryLog();
  const metrics = new Metrics();
  const breakers = new Breakers({ clock: systemClock, log, metrics });
  const ephemeral = await RedisEphemeral.open(
    { server, prefix },
    { clock: systemClock, log, breakers, metrics },
  );
  return {
    ephemeral,
    log,
    metrics,
    close: async () => {
      breakers.stop();
      await ephemeral.close();
    },
  };
}

const harnessOf = (server: () => RedisServer) => async () => {
  const { ephemeral, log, metrics, close } = await open(server());
  return {
    ephemeral,
    // Timers may be a little early, and Redis counts whole milliseconds.
    pass: (ms: number) => pass(ms + 5),
    reportedFaults: () => log.lines.filter((line) => line.level === 'error').length,
    close: async () => {
      // What fails is done by this process instead, where it would pass as well.
      expect(await metrics.text()).not.toMatch(
        /^bongsu_breaker_calls_total\{.*outcome="(failure|answer|refused)"\}/m,
      );
      await close();
    },
  };
};

describeWithRedis('one Redis', () => {
  let redis: ThrowAwayRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.remove());

  ephemeralContract(
    'redis',
    harnessOf(() => redis.server),
  );
});

describeWithRedis('a Redis Cluster', () => {
  let cluster: RedisGroup;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.remove());

  ephemeralContract(
    'redis cluster',
    harnessOf(() => cluster.server),
  );
});

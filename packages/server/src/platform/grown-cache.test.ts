import { LRUCache } from 'lru-cache';
import { expect, it } from 'vitest';
import { upTo } from './grown-cache.js';

it('[SEC3] a cache holds no more than it may, and lets the longest unused go', () => {
  const cache = new LRUCache<string, number>({ ...upTo(3), ttl: 1000 });
  for (const [at, key] of ['a', 'b', 'c'].entries()) cache.set(key, at);
  cache.get('a');
  cache.set('a', 3);
  cache.set('d', 4);
  expect([...cache.keys()].sort()).toEqual(['a', 'c', 'd']);
});

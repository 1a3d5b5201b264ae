import type { Argon2Cost } from '../../src/identity/index.js';

/**
 * The least that argon2 takes. A hash of the real one is 40 ms of CPU, which was a fifth of all that a run of the tests used; of it
 * itself passwords.test.ts tells.
 */
export const QUICK_HASHES: Argon2Cost = { memoryCost: 8, timeCost: 1, parallelism: 1 };

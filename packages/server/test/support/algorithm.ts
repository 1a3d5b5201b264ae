import type { JwtAlgorithm } from '../../src/identity/index.js';

export const ALGORITHMS: readonly JwtAlgorithm[] = ['EdDSA', 'ES256', 'HS256'];

/** The one that `npm run prove -- algorithms` runs the suites with; none in other runs. */
export const GIVEN_ALGORITHM = readAlgorithm(process.env.TEST_JWT_ALG);

/** JWT_ALG of every server and identity of a test that does not choose its own. */
export const ALGORITHM: JwtAlgorithm = GIVEN_ALGORITHM ?? 'EdDSA';

/** For what is about keys in SQL, which HS256 has not: the same, or the default. */
export const ALGORITHM_WITH_KEYS: JwtAlgorithm = ALGORITHM === 'HS256' ? 'EdDSA' : ALGORITHM;

function readAlgorithm(given: string | undefined): JwtAlgorithm | undefined {
  if (given === undefined) return undefined;
  const known = ALGORITHMS.find((algorithm) => algorithm === given);
  if (!known) throw new Error(`TEST_JWT_ALG is none of ${ALGORITHMS.join(', ')}: ${given}`);
  return known;
}

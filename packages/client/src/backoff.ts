const FIRST_DELAY_MS = 100;
const FACTOR = 1.5;
const MAX_DELAY_MS = 1000;
const JITTER = 0.5;

/**
 * The pause before reconnection attempt `attempt` (0 is the first), before jitter, in milliseconds:
 * 100, 150, 225, 337.5, 506.25, 759.375, 1000, 1000 … without end.
 */
export function reconnectDelayMs(attempt: number): number {
  // Bounding the exponent keeps an outage of months from reaching Infinity.
  return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * FACTOR ** Math.min(attempt, 32));
}

/**
 * Spreads a delay evenly over ±50 %, so that a thousand screens do not come back in the same instant.
 * @param random a number in [0, 1)
 */
export function jittered(delayMs: number, random: number): number {
  return delayMs * (1 - JITTER + 2 * JITTER * random);
}

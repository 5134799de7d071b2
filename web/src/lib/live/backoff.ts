const INITIAL_MS = 500;
const MAX_MS = 30_000;

/**
 * How long to wait before the given attempt (0 is the first), in milliseconds.
 *
 * Exponential, half of it random, so that a thousand clients that lost the same server do not come
 * back in the same moment. `chance` is in [0, 1).
 */
export function backoff(attempt: number, chance: number): number {
  const ceiling = Math.min(MAX_MS, INITIAL_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * chance);
}

/** After the server announced a restart: reconnect soon, but not all clients in the same moment. */
export function restartDelay(chance: number): number {
  return Math.round(100 + 400 * chance);
}

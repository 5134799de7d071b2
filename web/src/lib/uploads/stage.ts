/** The stages of one upload, and which of them may follow which. */

export type Stage =
  /** Never sent: the file is not acceptable. */
  | 'refused'
  /** In the queue behind others. */
  | 'waiting'
  | 'sending'
  /** All bytes are there; the server has not confirmed them yet. */
  | 'sent'
  | 'received'
  | 'labelled'
  /** Labelled, and a moderator reviews it before others see it. */
  | 'review'
  | 'rejected'
  | 'failed';

const ORDER: Record<Stage, number> = {
  waiting: 0,
  sending: 1,
  sent: 2,
  received: 3,
  failed: 4,
  refused: 5,
  rejected: 5,
  review: 5,
  labelled: 6,
};

/** News may come late or twice: a stage never goes back, but success may follow a failure. */
export function advance(now: Stage, next: Stage): Stage {
  return ORDER[next] > ORDER[now] ? next : now;
}

/** Whether nothing more is expected to happen by itself. */
export function isSettled(stage: Stage): boolean {
  return ORDER[stage] >= ORDER.failed;
}

/** Whether the file is on its way, and counts against those sent at once. */
export function isOnItsWay(stage: Stage): boolean {
  return stage === 'sending';
}

/** Whether its outcome is pending on the server. */
export function isAwaited(stage: Stage): boolean {
  return stage === 'sent' || stage === 'received';
}

/** Delay before polling an upload's state for the n-th time (0 is the first), in milliseconds. */
export function pollDelay(attempt: number): number {
  return Math.min(60_000, 4_000 * 2 ** Math.min(attempt, 8));
}

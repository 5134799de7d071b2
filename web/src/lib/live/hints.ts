/** What a browser knows of the connection before a ping does: going offline, another network, a tab that is visible again. */
import type { Input } from './machine';

export type ConnectionHint = Extract<Input, { kind: 'wake' | 'offline' | 'visibility' }>;

/** The parts of a browser that give hints. */
export interface Surroundings {
  window: EventTarget;
  document: EventTarget & { readonly visibilityState: DocumentVisibilityState };
  /** The Network Information API, where there is one. */
  network?: EventTarget | undefined;
  /** Milliseconds of the wall clock. */
  now: () => number;
}

const TICK_MS = 5_000;
/** A visible tab's timer is never this late, unless the machine slept. */
const SLEPT_MS = 15_000;

/** Reports hints until the returned function is called. */
export function hints(report: (hint: ConnectionHint) => void, around = browser()): () => void {
  const ended = new AbortController();
  const on = (target: EventTarget | undefined, event: string, happened: () => void) =>
    target?.addEventListener(event, happened, { signal: ended.signal });
  const isVisible = () => around.document.visibilityState === 'visible';
  const wake = () => report({ kind: 'wake' });
  const visibility = () => report({ kind: 'visibility', visible: isVisible() });

  let ticked = around.now();
  const timer = setInterval(() => {
    const since = around.now() - ticked;
    ticked = around.now();
    // Timers of hidden tabs are slowed down, so that their lateness says nothing.
    if (since > SLEPT_MS && isVisible()) wake();
  }, TICK_MS);

  on(around.window, 'online', wake);
  on(around.window, 'offline', () => report({ kind: 'offline' }));
  // Back from the cache of pages that were left.
  on(around.window, 'pageshow', visibility);
  on(around.network, 'change', wake);
  on(around.document, 'visibilitychange', visibility);
  return () => {
    ended.abort();
    clearInterval(timer);
  };
}

function browser(): Surroundings {
  const { connection } = navigator as Navigator & { connection?: EventTarget };
  return { window, document, network: connection, now: () => Date.now() };
}

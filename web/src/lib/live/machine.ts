/**
 * The live connection as a state machine: inputs in, effects out. It knows no socket, no clock and
 * no chance of its own, so that every run can be replayed in a test.
 */
import type { ClientFrame, Notification, ServerFrame } from '../protocol';
import { backoff, restartDelay } from './backoff';
import { furthest } from './cursor';
import { RecentIds } from './recent';

export type Phase =
  | { name: 'stopped'; message?: string }
  | { name: 'connecting' }
  /** `checking`: the browser says that the network is gone; the response to a ping will show it. */
  | { name: 'live'; checking?: true }
  /** Reconnects after `delay` milliseconds. */
  | { name: 'waiting'; delay: number };

/**
 * Where a topic stands after a subscription: from now on (`fresh`), everything since the cursor was
 * replayed (`caught-up`), or something is missing and must be loaded over REST (`missed`).
 */
export type Standing = 'fresh' | 'caught-up' | 'missed';

export type Timer = 'retry' | 'connect' | 'ping' | 'pong' | 'stable' | 'resubscribe';

export type Input =
  | { kind: 'start' }
  | { kind: 'stop' }
  | { kind: 'opened' }
  | { kind: 'closed' }
  | { kind: 'frame'; frame: ServerFrame }
  | { kind: 'timer'; timer: Timer }
  /** The network came back or changed, or the user does not want to wait. */
  | { kind: 'wake' }
  /** The browser says that the network is gone. A server on the same machine may still respond. */
  | { kind: 'offline' }
  /** The web app became visible or hidden. */
  | { kind: 'visibility'; visible: boolean }
  | { kind: 'watch'; topic: string; filter?: string }
  | { kind: 'token'; token: string };

export type Effect =
  | { kind: 'connect' }
  | { kind: 'disconnect' }
  | { kind: 'send'; frame: ClientFrame }
  | { kind: 'set-timer'; timer: Timer; after: number }
  | { kind: 'clear-timer'; timer: Timer }
  | { kind: 'deliver'; notification: Notification }
  | { kind: 'standing'; topic: string; standing: Standing }
  | { kind: 'refused'; topic: string; message: string };

interface Watch {
  filter: string;
  /** The filter the server last agreed to. */
  agreed?: string;
  cursor?: string;
  /** The server was too busy to respond; the request is repeated. */
  retry?: boolean;
}

/** A subscription that the server has not confirmed yet. */
interface PendingRequest {
  topic: string;
  filter: string;
  resumed: boolean;
}

/** How long a handshake may take, the token before it included. */
const CONNECT_TIMEOUT_MS = 10_000;
/** While hidden: often enough for a server that ends idle connections after ten minutes. */
const HIDDEN_PING_INTERVAL_MS = 4 * 60_000;
/** A connection on which nothing comes for this long after a ping is dead. */
const PONG_TIMEOUT_MS = 6_000;
/** A connection that holds this long makes the next wait short again. */
const STABLE_AFTER_MS = 10_000;
const RESUBSCRIBE_DELAY_MS = 3_000;
const REMEMBERED_IDS = 5_000;

export class LiveMachine {
  phase: Phase = { name: 'stopped' };
  readonly #watches = new Map<string, Watch>();
  readonly #requests = new Map<string, PendingRequest>();
  readonly #recent = new RecentIds(REMEMBERED_IDS);
  #attempt = 0;
  #visible = true;
  /** A ping was sent and nothing has come since. */
  #awaitingPong = false;
  #lastRef = 0;
  #refreshRef: string | undefined;
  #closing: { message: string; retry: boolean } | undefined;

  constructor(
    private readonly chance: () => number,
    /** How often the connection is checked while the web app is visible, in milliseconds. */
    private readonly pingEvery: number,
  ) {}

  step(input: Input): Effect[] {
    switch (input.kind) {
      case 'start':
        return this.phase.name === 'stopped' ? this.#connect() : [];
      case 'stop':
        return this.#stop();
      case 'opened':
        return this.#opened();
      case 'closed':
        return this.#closed();
      case 'frame':
        return this.#frame(input.frame);
      case 'timer':
        return this.#timer(input.timer);
      case 'wake':
        return this.#wake();
      case 'offline':
        return this.#offline();
      case 'visibility':
        return this.#visibility(input.visible);
      case 'watch':
        return this.#watch(input.topic, input.filter ?? '');
      case 'token':
        return this.#token(input.token);
    }
  }

  #connect(): Effect[] {
    this.phase = { name: 'connecting' };
    this.#closing = undefined;
    return [
      { kind: 'clear-timer', timer: 'retry' },
      { kind: 'set-timer', timer: 'connect', after: CONNECT_TIMEOUT_MS },
      { kind: 'connect' },
    ];
  }

  #stop(): Effect[] {
    this.phase = { name: 'stopped' };
    return [...this.#clearTimers(), { kind: 'disconnect' }];
  }

  #opened(): Effect[] {
    this.phase = { name: 'live' };
    this.#awaitingPong = false;
    return [
      { kind: 'clear-timer', timer: 'connect' },
      this.#pingLater(),
      { kind: 'set-timer', timer: 'stable', after: STABLE_AFTER_MS },
      ...[...this.#watches.keys()].map((topic) => this.#subscribe(topic, true)),
    ];
  }

  #closed(): Effect[] {
    this.#requests.clear();
    this.#refreshRef = undefined;
    if (this.phase.name === 'stopped') return [];
    const closing = this.#closing;
    if (closing?.retry === false) {
      this.phase = { name: 'stopped', message: closing.message };
      return this.#clearTimers();
    }
    const delay =
      closing && this.#attempt === 0
        ? restartDelay(this.chance())
        : backoff(this.#attempt, this.chance());
    this.#attempt += 1;
    this.phase = { name: 'waiting', delay };
    return [...this.#clearTimers(), { kind: 'set-timer', timer: 'retry', after: delay }];
  }

  #timer(timer: Timer): Effect[] {
    switch (timer) {
      case 'retry':
        return this.phase.name === 'waiting' ? this.#connect() : [];
      case 'connect':
        return this.phase.name === 'connecting' ? [{ kind: 'disconnect' }] : [];
      case 'ping':
        return this.phase.name === 'live' ? this.#ping() : [];
      case 'pong':
        return this.phase.name === 'live' ? [{ kind: 'disconnect' }] : [];
      case 'stable':
        this.#attempt = 0;
        return [];
      case 'resubscribe':
        return this.phase.name === 'live'
          ? [...this.#watches]
              .filter(([, watch]) => watch.retry)
              .map(([topic]) => this.#subscribe(topic, true))
          : [];
    }
  }

  #wake(): Effect[] {
    if (this.phase.name === 'waiting') return this.#connect();
    // A laptop that slept, or moved to another network, may hold a socket that is dead without knowing it.
    return this.phase.name === 'live' ? this.#ping() : [];
  }

  #offline(): Effect[] {
    if (this.phase.name !== 'live') return [];
    this.phase = { name: 'live', checking: true };
    return this.#ping();
  }

  #visibility(visible: boolean): Effect[] {
    this.#visible = visible;
    if (visible) return this.#wake();
    return this.phase.name === 'live' ? [this.#pingLater()] : [];
  }

  /** Several reasons at once make one ping: its deadline stays. */
  #ping(): Effect[] {
    if (this.#awaitingPong) return [this.#pingLater()];
    this.#awaitingPong = true;
    return [
      { kind: 'send', frame: { action: 'ping', ref: this.#ref() } },
      { kind: 'set-timer', timer: 'pong', after: PONG_TIMEOUT_MS },
      this.#pingLater(),
    ];
  }

  #pingLater(): Effect {
    const hidden = Math.max(HIDDEN_PING_INTERVAL_MS, this.pingEvery);
    return { kind: 'set-timer', timer: 'ping', after: this.#visible ? this.pingEvery : hidden };
  }

  /** Whatever comes shows that the connection is alive; a pong may have to wait behind a long replay. */
  #alive(): Effect[] {
    if (this.phase.name === 'live' && this.phase.checking) this.phase = { name: 'live' };
    if (!this.#awaitingPong) return [];
    this.#awaitingPong = false;
    return [{ kind: 'clear-timer', timer: 'pong' }];
  }

  #watch(topic: string, filter: string): Effect[] {
    const watch = this.#watches.get(topic);
    this.#watches.set(topic, { ...watch, filter });
    return this.phase.name === 'live' ? [this.#subscribe(topic, false)] : [];
  }

  #token(token: string): Effect[] {
    if (this.phase.name !== 'live') return [];
    this.#refreshRef = this.#ref();
    return [{ kind: 'send', frame: { action: 'refresh', token, ref: this.#refreshRef } }];
  }

  /** `resume` requests what came since the cursor, unless the filter is a new one. */
  #subscribe(topic: string, resume: boolean): Effect {
    const { filter, agreed, cursor } = this.#watches.get(topic) ?? { filter: '' };
    const since = resume && filter === agreed ? cursor : undefined;
    const ref = this.#ref();
    this.#requests.set(ref, { topic, filter, resumed: since !== undefined });
    delete this.#watches.get(topic)?.retry;
    return {
      kind: 'send',
      frame: {
        action: 'subscribe',
        topics: [topic],
        ...(filter === '' ? {} : { filter }),
        ...(since === undefined ? {} : { since: { [topic]: since } }),
        ref,
      },
    };
  }

  #frame(frame: ServerFrame): Effect[] {
    return [...this.#alive(), ...this.#handle(frame)];
  }

  #handle(frame: ServerFrame): Effect[] {
    switch (frame.type) {
      case 'notification':
        for (const { topic, cursor } of frame.topics) this.#advance(topic, cursor);
        return this.#recent.add(frame.id) ? [{ kind: 'deliver', notification: frame }] : [];
      case 'subscribed':
        return this.#subscribed(frame.ref, frame.topics);
      case 'error':
        return this.#refused(frame.ref, frame.code, frame.message);
      case 'closing':
        this.#closing = frame;
        return [];
      default:
        return [];
    }
  }

  #subscribed(
    ref: string | null | undefined,
    topics: { topic: string; recovered: boolean; cursor: string }[],
  ): Effect[] {
    const request = this.#requests.get(ref ?? '');
    this.#requests.delete(ref ?? '');
    return topics.flatMap(({ topic, recovered, cursor }) => {
      const watch = this.#watches.get(topic);
      if (!watch || request?.topic !== topic) return [];
      watch.agreed = request.filter;
      // The server's own word on the position: it also starts a new epoch.
      watch.cursor = cursor;
      const standing = !request.resumed ? 'fresh' : recovered ? 'caught-up' : 'missed';
      return [{ kind: 'standing', topic, standing } as const];
    });
  }

  #refused(ref: string | null | undefined, code: string, message: string): Effect[] {
    if (ref && ref === this.#refreshRef) {
      // What cannot be checked now is not refused: the old token is good for a while yet.
      const passing = code === 'rate_limited' || code === 'internal';
      return passing ? [] : [{ kind: 'disconnect' }];
    }
    const request = this.#requests.get(ref ?? '');
    if (!request) return [];
    this.#requests.delete(ref ?? '');
    const watch = this.#watches.get(request.topic);
    if (code === 'rate_limited' || code === 'internal') {
      if (watch) watch.retry = true;
      return [{ kind: 'set-timer', timer: 'resubscribe', after: RESUBSCRIBE_DELAY_MS }];
    }
    // A refused request changes nothing: what was agreed before stays in force.
    if (watch?.agreed !== undefined) watch.filter = watch.agreed;
    else this.#watches.delete(request.topic);
    return [{ kind: 'refused', topic: request.topic, message }];
  }

  #advance(topic: string, cursor: string): void {
    const watch = this.#watches.get(topic);
    if (watch) watch.cursor = furthest(watch.cursor, cursor);
  }

  #ref(): string {
    this.#lastRef += 1;
    return String(this.#lastRef);
  }

  #clearTimers(): Effect[] {
    const timers: Timer[] = ['retry', 'connect', 'ping', 'pong', 'stable', 'resubscribe'];
    return timers.map((timer) => ({ kind: 'clear-timer', timer }));
  }
}

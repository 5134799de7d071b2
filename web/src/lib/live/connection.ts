/** The socket and the timers around the state machine. */
import type { Notification, ServerFrame } from '../protocol';
import {
  LiveMachine,
  type Effect,
  type Input,
  type Phase,
  type Standing,
  type Timer,
} from './machine';

export interface LiveListener {
  phase(phase: Phase): void;
  deliver(notification: Notification): void;
  standing(topic: string, standing: Standing): void;
  refused(topic: string, message: string): void;
}

const FAILURES_BEFORE_RENEWAL = 3;

export class LiveConnection {
  readonly #machine: LiveMachine;
  readonly #timers = new Map<Timer, ReturnType<typeof setTimeout>>();
  #socket: WebSocket | undefined;
  /** Grows with every attempt, so that a token that comes late opens no second socket. */
  #attempt = 0;
  /**
   * The server may have refused the token that looks good here: it said so, or it let nobody in
   * several times, which a browser cannot distinguish from a server that is down.
   */
  #refused = false;
  #failures = 0;

  constructor(
    private readonly url: string,
    /** An ID token, a new one if `fresh`; nothing when signed out. Throws when none can be had now. */
    private readonly token: (fresh: boolean) => Promise<string | undefined>,
    private readonly listener: LiveListener,
    /** How often the connection is checked while the web app is visible, in milliseconds. */
    pingEvery: number,
  ) {
    this.#machine = new LiveMachine(Math.random, pingEvery);
  }

  step(input: Input): void {
    const effects = this.#machine.step(input);
    this.listener.phase(this.#machine.phase);
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: Effect): void {
    switch (effect.kind) {
      case 'connect':
        void this.#connect();
        break;
      case 'disconnect':
        this.#drop();
        break;
      case 'send':
        if (this.#socket?.readyState === WebSocket.OPEN)
          this.#socket.send(JSON.stringify(effect.frame));
        break;
      case 'set-timer':
        this.#clear(effect.timer);
        this.#timers.set(
          effect.timer,
          setTimeout(() => this.step({ kind: 'timer', timer: effect.timer }), effect.after),
        );
        break;
      case 'clear-timer':
        this.#clear(effect.timer);
        break;
      case 'deliver':
        this.listener.deliver(effect.notification);
        break;
      case 'standing':
        this.listener.standing(effect.topic, effect.standing);
        break;
      case 'refused':
        this.listener.refused(effect.topic, effect.message);
        break;
    }
  }

  async #connect(): Promise<void> {
    this.#attempt += 1;
    const attempt = this.#attempt;
    const fresh = this.#refused || this.#failures >= FAILURES_BEFORE_RENEWAL;
    if (fresh) this.#failures = 0;
    const token = await this.token(fresh).catch(() => undefined);
    if (attempt !== this.#attempt) return;
    if (token === undefined) {
      this.step({ kind: 'closed' });
      return;
    }
    this.#refused = false;
    const socket = new WebSocket(this.url, ['labelcast.v1', `bearer.${token}`]);
    this.#socket = socket;
    const step = (input: Input) => {
      if (this.#socket === socket) this.step(input);
    };
    this.#failures += 1;
    socket.onopen = () => {
      this.#failures = 0;
      step({ kind: 'opened' });
    };
    socket.onmessage = (message) => {
      const frame = parse(message.data);
      if (frame?.type === 'closing' && frame.code === 'token_expired') this.#refused = true;
      if (frame) step({ kind: 'frame', frame });
    };
    socket.onclose = () => step({ kind: 'closed' });
  }

  /** Drops the socket at once: the close handshake of a dead one takes minutes. */
  #drop(): void {
    this.#attempt += 1;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.step({ kind: 'closed' });
  }

  #clear(timer: Timer): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
  }
}

function parse(data: unknown): ServerFrame | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    return JSON.parse(data) as ServerFrame;
  } catch {
    console.warn('Labelcast: ignored a frame that is not valid JSON');
    return undefined;
  }
}

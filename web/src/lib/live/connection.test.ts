import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Phase } from './machine';
import { LiveConnection } from './connection';

/** A socket as browsers have it, whose other end the test is. */
class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: { action: string; ref: string }[] = [];
  onopen: (() => void) | undefined;
  onmessage: ((message: { data: unknown }) => void) | undefined;

  constructor() {
    FakeSocket.all.push(this);
  }

  open(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as { action: string; ref: string });
  }

  hear(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  pings(): number {
    return this.sent.filter(({ action }) => action === 'ping').length;
  }

  /** As in a browser: the close handshake of a dead line ends much later, if at all. */
  close(): void {
    this.readyState = 2;
  }
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolver<T>() {
  let resolve: ((value: T) => void) | undefined;
  const promise = new Promise<T>((given) => (resolve = given));
  return { promise, resolve: (value: T) => resolve?.(value) };
}

const PING_EVERY = 10_000;

describe('live connection', () => {
  let phase: Phase;

  async function begun(token: () => Promise<string | undefined> = async () => 't') {
    const listener = {
      phase: (now: Phase) => (phase = now),
      deliver: vi.fn(),
      standing: vi.fn(),
      refused: vi.fn(),
    };
    const connection = new LiveConnection('ws://example.test/live', token, listener, PING_EVERY);
    connection.step({ kind: 'start' });
    await vi.advanceTimersByTimeAsync(0);
    return connection;
  }

  function newest(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error('nobody connected');
    return socket;
  }

  async function live() {
    const connection = await begun();
    const socket = newest();
    socket.open();
    return { connection, socket };
  }

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', FakeSocket);
    FakeSocket.all = [];
  });

  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('reports a dead connection within 20 s although the socket reports nothing', async () => {
    await live();
    expect(phase.name).toBe('live');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(phase.name).not.toBe('live');
  });

  it('stays live for as long as pings get a response, and reports no phase change', async () => {
    const { socket } = await live();
    for (let second = 0; second < 3_600; second += 1) {
      const before = socket.pings();
      await vi.advanceTimersByTimeAsync(1_000);
      if (socket.pings() > before) socket.hear({ type: 'pong', ref: socket.sent.at(-1)?.ref });
      expect(phase).toEqual({ name: 'live' });
    }
    expect(FakeSocket.all).toHaveLength(1);
    expect(socket.pings()).toBe(360);
  });

  it('shows that it is checking as soon as the browser is offline, and within 6 s that the connection is dead', async () => {
    const { connection } = await live();
    connection.step({ kind: 'offline' });
    expect(phase).toEqual({ name: 'live', checking: true });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(phase.name).toBe('waiting');
  });

  it('keeps retrying while the network is down, and is live once it is back', async () => {
    await live();
    await vi.advanceTimersByTimeAsync(120_000);
    const tried = FakeSocket.all.length;
    expect(tried).toBeGreaterThan(3);
    expect(phase.name).not.toBe('live');
    for (let waited = 0; waited < 60_000 && FakeSocket.all.length === tried; waited += 100)
      await vi.advanceTimersByTimeAsync(100);
    newest().open();
    expect(phase.name).toBe('live');
  });

  it('times out waiting for a token, and does not use it when it comes late', async () => {
    const { promise, resolve: late } = withResolver<string>();
    await begun(() => promise);
    expect(phase.name).toBe('connecting');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(phase.name).toBe('waiting');
    late('t');
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all).toHaveLength(0);
  });
});

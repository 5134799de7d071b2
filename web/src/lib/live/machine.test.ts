import { describe, expect, it } from 'vitest';
import type { Notification, ServerFrame } from '../protocol';
import { LiveMachine, type Effect } from './machine';

const PING_EVERY = 10_000;

function sent(effects: Effect[]) {
  return effects.flatMap((effect) => (effect.kind === 'send' ? [effect.frame] : []));
}

function of<Kind extends Effect['kind']>(effects: Effect[], kind: Kind) {
  return effects.filter(
    (effect): effect is Extract<Effect, { kind: Kind }> => effect.kind === kind,
  );
}

function frame(machine: LiveMachine, frame: ServerFrame): Effect[] {
  return machine.step({ kind: 'frame', frame });
}

function labelled(id: string, cursor: string): Notification {
  return {
    type: 'notification',
    id,
    event: 'image.labelled',
    at: '2026-01-01T00:00:00Z',
    topics: [{ topic: 'labels', seq: 1, cursor }],
    data: { image: { image_id: 'a', status: 'pending' } },
  };
}

/** A machine that watches `labels`, connected, with the subscription confirmed. */
function connected(filter = '', cursor = 'e1-5'): LiveMachine {
  const machine = new LiveMachine(() => 0, PING_EVERY);
  machine.step({ kind: 'start' });
  machine.step({ kind: 'watch', topic: 'labels', filter });
  const [subscribe] = sent(machine.step({ kind: 'opened' }));
  frame(machine, {
    type: 'subscribed',
    ref: subscribe?.ref ?? '',
    topics: [{ topic: 'labels', recovered: false, cursor }],
  });
  return machine;
}

function reconnect(machine: LiveMachine) {
  machine.step({ kind: 'closed' });
  machine.step({ kind: 'timer', timer: 'retry' });
  return sent(machine.step({ kind: 'opened' }))[0];
}

describe('live machine', () => {
  it('subscribes to the watched topics as soon as it is open', () => {
    const machine = new LiveMachine(() => 0, PING_EVERY);
    expect(of(machine.step({ kind: 'start' }), 'connect')).toHaveLength(1);
    expect(machine.step({ kind: 'watch', topic: 'labels', filter: 'dog' })).toEqual([]);
    expect(sent(machine.step({ kind: 'opened' }))).toMatchObject([
      { action: 'subscribe', topics: ['labels'], filter: 'dog' },
    ]);
  });

  it('delivers a notification once, however often it is sent', () => {
    const machine = connected();
    expect(of(frame(machine, labelled('n1', 'e1-6')), 'deliver')).toHaveLength(1);
    expect(of(frame(machine, labelled('n1', 'e1-6')), 'deliver')).toHaveLength(0);
  });

  it('resumes from the highest cursor, duplicates and overtaken ones included', () => {
    const machine = connected();
    frame(machine, labelled('n1', 'e1-6'));
    frame(machine, labelled('n2', 'e1-12'));
    frame(machine, labelled('n3', 'e1-9'));
    frame(machine, labelled('n1', 'e1-13'));
    expect(reconnect(machine)).toMatchObject({ since: { labels: 'e1-13' } });
  });

  it.each([
    [true, 'caught-up'],
    [false, 'missed'],
  ])('says truthfully what recovered: %s means', (recovered, standing) => {
    const machine = connected();
    const subscribe = reconnect(machine);
    const effects = frame(machine, {
      type: 'subscribed',
      ref: subscribe?.ref ?? '',
      topics: [{ topic: 'labels', recovered, cursor: 'e2-1' }],
    });
    expect(effects).toEqual([{ kind: 'standing', topic: 'labels', standing }]);
    expect(reconnect(machine)).toMatchObject({ since: { labels: 'e2-1' } });
  });

  it('calls a first subscription fresh, not missed', () => {
    const machine = new LiveMachine(() => 0, PING_EVERY);
    machine.step({ kind: 'start' });
    machine.step({ kind: 'watch', topic: 'labels' });
    const [subscribe] = sent(machine.step({ kind: 'opened' }));
    const effects = frame(machine, {
      type: 'subscribed',
      ref: subscribe?.ref ?? '',
      topics: [{ topic: 'labels', recovered: false, cursor: 'e1-0' }],
    });
    expect(of(effects, 'standing')).toMatchObject([{ standing: 'fresh' }]);
  });

  it('does not resume a new filter from the cursor of the old one', () => {
    const machine = connected('dog');
    const [change] = sent(machine.step({ kind: 'watch', topic: 'labels', filter: 'cat' }));
    expect(change).toMatchObject({ filter: 'cat' });
    expect(change).not.toHaveProperty('since');
    expect(reconnect(machine)).not.toHaveProperty('since');
  });

  it('reverts to the accepted filter when a new one is refused', () => {
    const machine = connected('dog');
    const [change] = sent(machine.step({ kind: 'watch', topic: 'labels', filter: '(' }));
    const effects = frame(machine, {
      type: 'error',
      ref: change?.ref ?? '',
      code: 'bad_request',
      message: 'no',
    });
    expect(effects).toEqual([{ kind: 'refused', topic: 'labels', message: 'no' }]);
    expect(reconnect(machine)).toMatchObject({ filter: 'dog', since: { labels: 'e1-5' } });
  });

  it('retries after a while when the server was too busy to subscribe', () => {
    const machine = connected('dog');
    const [change] = sent(machine.step({ kind: 'watch', topic: 'labels', filter: 'cat' }));
    const effects = frame(machine, {
      type: 'error',
      ref: change?.ref ?? '',
      code: 'rate_limited',
      message: 'slow down',
    });
    expect(of(effects, 'set-timer')).toMatchObject([{ timer: 'resubscribe' }]);
    expect(sent(machine.step({ kind: 'timer', timer: 'resubscribe' }))).toMatchObject([
      { filter: 'cat' },
    ]);
  });

  it('waits longer after every failure, and shortly again after a stable connection', () => {
    const machine = new LiveMachine(() => 0.5, PING_EVERY);
    machine.step({ kind: 'start' });
    const delays = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(() => {
      machine.step({ kind: 'closed' });
      const delay = machine.phase.name === 'waiting' ? machine.phase.delay : Number.NaN;
      machine.step({ kind: 'timer', timer: 'retry' });
      return delay;
    });
    expect(delays).toEqual([375, 750, 1500, 3000, 6000, 12000, 22500, 22500, 22500]);
    machine.step({ kind: 'opened' });
    machine.step({ kind: 'timer', timer: 'stable' });
    machine.step({ kind: 'closed' });
    expect(machine.phase).toEqual({ name: 'waiting', delay: 375 });
  });

  it('reconnects soon when the server says so, and not at all when it says not to', () => {
    const machine = connected();
    frame(machine, { type: 'closing', code: 'server_shutdown', message: 'bye', retry: true });
    machine.step({ kind: 'closed' });
    expect(machine.phase).toEqual({ name: 'waiting', delay: 100 });

    const other = connected();
    frame(other, { type: 'closing', code: 'limit', message: 'Too many tabs', retry: false });
    other.step({ kind: 'closed' });
    expect(other.phase).toEqual({ name: 'stopped', message: 'Too many tabs' });
    expect(of(other.step({ kind: 'start' }), 'connect')).toHaveLength(1);
  });

  it('drops a connection on which a ping gets no response', () => {
    const machine = connected();
    const effects = machine.step({ kind: 'timer', timer: 'ping' });
    expect(sent(effects)).toMatchObject([{ action: 'ping' }]);
    expect(of(effects, 'set-timer').map(({ timer }) => timer)).toEqual(['pong', 'ping']);
    expect(of(frame(machine, { type: 'pong' }), 'clear-timer')).toMatchObject([{ timer: 'pong' }]);
    expect(machine.step({ kind: 'timer', timer: 'pong' })).toEqual([{ kind: 'disconnect' }]);
  });

  it('treats any frame as a sign of life, because a pong may wait behind a replay', () => {
    const machine = connected();
    machine.step({ kind: 'timer', timer: 'ping' });
    const effects = frame(machine, labelled('n1', 'e1-6'));
    expect(of(effects, 'clear-timer')).toMatchObject([{ timer: 'pong' }]);
    expect(of(frame(machine, labelled('n2', 'e1-7')), 'clear-timer')).toEqual([]);
  });

  it('sends one ping for several hints, and does not extend its deadline', () => {
    const machine = connected();
    expect(sent(machine.step({ kind: 'visibility', visible: true }))).toHaveLength(1);
    const again = machine.step({ kind: 'wake' });
    expect(sent(again)).toEqual([]);
    expect(of(again, 'set-timer').map(({ timer }) => timer)).toEqual(['ping']);
  });

  it('detects a dead connection within 20 s: the ping interval plus the timeout', () => {
    const [ping, pong] = of(connected().step({ kind: 'timer', timer: 'ping' }), 'set-timer')
      .sort((one, other) => other.after - one.after)
      .map(({ after }) => after);
    expect(ping).toBe(PING_EVERY);
    expect((ping ?? 0) + (pong ?? 0)).toBeLessThan(20_000);
  });

  it('pings rarely while hidden, and immediately when visible again', () => {
    const machine = connected();
    const hidden = machine.step({ kind: 'visibility', visible: false });
    expect(hidden).toEqual([{ kind: 'set-timer', timer: 'ping', after: 240_000 }]);
    expect(of(machine.step({ kind: 'timer', timer: 'ping' }), 'set-timer')).toContainEqual({
      kind: 'set-timer',
      timer: 'ping',
      after: 240_000,
    });
    frame(machine, { type: 'pong' });
    expect(sent(machine.step({ kind: 'visibility', visible: true }))).toMatchObject([
      { action: 'ping' },
    ]);
  });

  it('shows that it is checking when the browser is offline, and is live again if the server responds', () => {
    const machine = connected();
    expect(sent(machine.step({ kind: 'offline' }))).toMatchObject([{ action: 'ping' }]);
    expect(machine.phase).toEqual({ name: 'live', checking: true });
    frame(machine, { type: 'pong' });
    expect(machine.phase).toEqual({ name: 'live' });
  });

  it('aborts a handshake that gets no response', () => {
    const machine = new LiveMachine(() => 0, PING_EVERY);
    const timers = of(machine.step({ kind: 'start' }), 'set-timer');
    expect(timers).toMatchObject([{ timer: 'connect' }]);
    expect(machine.step({ kind: 'timer', timer: 'connect' })).toEqual([{ kind: 'disconnect' }]);
    machine.step({ kind: 'opened' });
    expect(machine.step({ kind: 'timer', timer: 'connect' })).toEqual([]);
  });

  it('comes back by itself and resumes when the server ends an idle connection', () => {
    const machine = connected();
    frame(machine, { type: 'closing', code: 'limit', message: 'idle for 10 minutes', retry: true });
    expect(reconnect(machine)).toMatchObject({ since: { labels: 'e1-5' } });
    expect(machine.phase).toEqual({ name: 'live' });
  });

  it('passes a renewed token to the open connection, and reconnects if it is refused', () => {
    const machine = connected();
    const [refresh] = sent(machine.step({ kind: 'token', token: 't2' }));
    expect(refresh).toMatchObject({ action: 'refresh', token: 't2' });
    expect(
      frame(machine, { type: 'error', ref: refresh?.ref ?? '', code: 'forbidden', message: 'no' }),
    ).toEqual([{ kind: 'disconnect' }]);
  });

  it('keeps the connection when a renewed token cannot be checked for now', () => {
    const machine = connected();
    const [refresh] = sent(machine.step({ kind: 'token', token: 't2' }));
    const ref = refresh?.ref ?? '';
    expect(frame(machine, { type: 'error', ref, code: 'internal', message: 'later' })).toEqual([]);
    expect(machine.phase.name).toBe('live');
  });

  it('does not wait out the delay when the network is back', () => {
    const machine = connected();
    machine.step({ kind: 'closed' });
    expect(of(machine.step({ kind: 'wake' }), 'connect')).toHaveLength(1);
  });
});

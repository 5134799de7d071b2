import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hints, type ConnectionHint, type Surroundings } from './hints';

class Page extends EventTarget {
  visibilityState: DocumentVisibilityState = 'visible';
}

describe('browser hints', () => {
  const window = new EventTarget();
  const network = new EventTarget();
  const document = new Page();
  let reported: ConnectionHint[];
  let end: () => void;

  beforeEach(() => {
    vi.useFakeTimers();
    reported = [];
    document.visibilityState = 'visible';
    const around: Surroundings = { window, document, network, now: () => Date.now() };
    end = hints((hint) => reported.push(hint), around);
  });

  afterEach(() => {
    end();
    vi.useRealTimers();
  });

  it.each([
    ['online', window, { kind: 'wake' }],
    ['offline', window, { kind: 'offline' }],
    ['pageshow', window, { kind: 'visibility', visible: true }],
    ['change', network, { kind: 'wake' }],
    ['visibilitychange', document, { kind: 'visibility', visible: true }],
  ])('reports %s', (event, target, hint) => {
    target.dispatchEvent(new Event(event));
    expect(reported).toEqual([hint]);
  });

  it('reports that the page is hidden', () => {
    document.visibilityState = 'hidden';
    document.dispatchEvent(new Event('visibilitychange'));
    expect(reported).toEqual([{ kind: 'visibility', visible: false }]);
  });

  it('detects that the machine slept, as opposed to time merely passing', () => {
    vi.advanceTimersByTime(60_000);
    expect(reported).toEqual([]);
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(5_000);
    expect(reported).toEqual([{ kind: 'wake' }]);
  });

  it('does not mistake throttled timers of a hidden page for sleep', () => {
    document.visibilityState = 'hidden';
    vi.setSystemTime(Date.now() + 60_000);
    vi.advanceTimersByTime(5_000);
    expect(reported).toEqual([]);
  });

  it('reports nothing after it was stopped', () => {
    end();
    window.dispatchEvent(new Event('offline'));
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(60_000);
    expect(reported).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { ago, bytes, duration, median, percent } from './format';

describe('times', () => {
  it.each([
    [-30, '1 ms'],
    [412.4, '412 ms'],
    [1_290, '1.3 s'],
    [125_000, '2 min'],
    [7_200_000, '2 h'],
  ])('of %d ms read %s', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });

  it('are shown relative to now', () => {
    const now = Date.parse('2026-01-01T00:10:00Z');
    expect(ago('2026-01-01T00:09:59Z', now)).toBe('just now');
    expect(ago('2026-01-01T00:09:18Z', now)).toBe('42 s ago');
    expect(ago('2026-01-01T00:05:00Z', now)).toBe('5 min ago');
  });
});

it('sizes are shown in the unit that fits', () => {
  expect([bytes(12), bytes(20_480), bytes(5_000_000)]).toEqual(['12 B', '20 KB', '4.8 MB']);
});

it('confidence is 100 % only when it is whole', () => {
  expect([percent(99.7), percent(100), percent(85.2)]).toEqual(['99%', '100%', '85%']);
});

it('the median of nothing is nothing', () => {
  expect(median([])).toBeUndefined();
  expect(median([3, 1, 2])).toBe(2);
});

/** Numbers and times as people read them. */

/** `412 ms`, `1.3 s`, `2 min`, `3 h`; `ms` may be a little below 0 where clocks differ. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(1, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** `just now`, `5 min ago`, `3 h ago`, then the date. */
export function ago(from: string, now: number): string {
  const ms = now - Date.parse(from);
  if (Number.isNaN(ms)) return '';
  if (ms < 10_000) return 'just now';
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s ago`;
  if (ms < 86_400_000) return `${duration(ms)} ago`;
  return new Date(from).toLocaleDateString(undefined, { dateStyle: 'medium' });
}

export function moment(at: string): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  if (size < 1024 * 1024) return `${Math.round(size / 1024)} KB`;
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}

/** Whole percent, but 100 only for all of it. */
export function percent(confidence: number): string {
  return `${confidence >= 100 ? 100 : Math.min(99, Math.round(confidence))}%`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

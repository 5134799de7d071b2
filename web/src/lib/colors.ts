import type { Color } from './protocol';

/** What can be painted of the colours: only valid colours get into a style. */
export function paintable(colors: readonly Color[] | undefined): Color[] {
  return (colors ?? []).filter(({ hex }) => /^#[0-9a-f]{6}$/i.test(hex));
}

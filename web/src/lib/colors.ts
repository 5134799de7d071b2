import type { Color } from './protocol';

/** A colour to paint, its name if it has one, and its share of the picture if that is known. */
export interface Swatch {
  css: string;
  name: string;
  percent?: number;
}

/** What can be painted of the colours; nothing that is no colour gets into a style. */
export function swatches(colors: readonly Color[] | undefined): Swatch[] {
  return (colors ?? []).flatMap((color) => {
    const { name, hex, percent } =
      typeof color === 'string' ? { name: color, hex: undefined, percent: undefined } : color;
    const css = [hex, name].find((value) => value !== undefined && isColor(value));
    if (css === undefined) return [];
    return [{ css, name: name ?? css, ...(percent === undefined ? {} : { percent }) }];
  });
}

function isColor(value: string): boolean {
  return /^#[0-9a-f]{6}$/i.test(value) || /^[a-z]{3,20}$/i.test(value);
}

/** Autocomplete inside a query: which word the caret is in, and what a chosen label makes of it. */

export interface Word {
  /** Offsets of what is replaced, a quote that was opened included. */
  start: number;
  end: number;
  /** The label as far as it is written. */
  prefix: string;
}

/** The label that is being written at the caret; nothing between words or inside `is:` and `by:`. */
export function wordAt(query: string, caret: number): Word | undefined {
  const open = openQuote(query, caret);
  if (open !== undefined) {
    const close = query.indexOf('"', caret);
    const end = close === -1 ? query.length : close + 1;
    return { start: open, end, prefix: query.slice(open + 1, caret) };
  }
  let start = caret;
  while (start > 0 && isWordCharacter(query[start - 1])) start -= 1;
  let end = caret;
  while (end < query.length && isWordCharacter(query[end])) end += 1;
  if (query[start] === '-') start += 1;
  const prefix = query.slice(start, caret);
  if (prefix === '' || prefix === 'OR' || /[:*]/.test(prefix)) return undefined;
  return { start, end, prefix };
}

/** The query with the word replaced by a label, and the caret after it. */
export function complete(
  query: string,
  word: Word,
  label: string,
): { text: string; caret: number } {
  const plain = /^[^\s"():*-][^\s"():*]*$/u.test(label) && label !== 'OR';
  const written = plain ? label : `"${label}"`;
  const rest = query.slice(word.end).trimStart();
  const head = `${query.slice(0, word.start)}${written} `;
  return { text: head + rest, caret: head.length };
}

function openQuote(query: string, caret: number): number | undefined {
  const quotes = [...query.slice(0, caret).matchAll(/"/g)];
  return quotes.length % 2 === 1 ? quotes.at(-1)?.index : undefined;
}

function isWordCharacter(character: string | undefined): boolean {
  return character !== undefined && !/[\s()"]/.test(character);
}

/**
 * The further of two cursors of one topic.
 *
 * Cursors are opaque, but where two differ only in the number they end with (`e1-9`, `e1-12`) that
 * number says which is further. Otherwise the epoch changed, and what came last is right.
 */
export function furthest(known: string | undefined, arrived: string): string {
  if (known === undefined) return arrived;
  const [knownHead, knownNumber] = split(known);
  const [arrivedHead, arrivedNumber] = split(arrived);
  if (knownNumber === undefined || arrivedNumber === undefined || knownHead !== arrivedHead)
    return arrived;
  return arrivedNumber >= knownNumber ? arrived : known;
}

function split(cursor: string): [string, bigint | undefined] {
  const digits = /\d+$/.exec(cursor)?.[0];
  if (digits === undefined) return [cursor, undefined];
  return [cursor.slice(0, -digits.length), BigInt(digits)];
}

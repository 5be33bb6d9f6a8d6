/**
 * A radix sort of keys below 2¹⁶ together with the numbers that belong to them: two passes of eight
 * bits, stable, in linear time. Of eleven bits a pass writes to more places than the cache has lines
 * for.
 */

const BITS = 8;
const DIGITS = 2 ** BITS;
const MASK = DIGITS - 1;

export const MOST_KEY = 2 ** (2 * BITS) - 1;

/** Length of `counts`. */
export const COUNTS = 2 * DIGITS;

/**
 * Sorts the first `length` keys, lowest first, and the items with them. The second pass brings both
 * back to the arrays that they came in; what the others hold afterwards is of no use.
 *
 * @param {Uint32Array} keys
 * @param {Uint32Array} items
 * @param {Uint32Array} otherKeys as long
 * @param {Uint32Array} otherItems as long
 * @param {Uint32Array} counts of COUNTS numbers
 * @param {number} length
 */
export function sort(keys, items, otherKeys, otherItems, counts, length) {
  counts.fill(0);
  for (let i = 0; i < length; i++) {
    const key = keys[i];
    counts[key & MASK]++;
    counts[DIGITS + (key >>> BITS)]++;
  }
  toStarts(counts, 0);
  toStarts(counts, DIGITS);

  for (let i = 0; i < length; i++) {
    const key = keys[i];
    const to = counts[key & MASK]++;
    otherKeys[to] = key;
    otherItems[to] = items[i];
  }
  for (let i = 0; i < length; i++) {
    const key = otherKeys[i];
    const to = counts[DIGITS + (key >>> BITS)]++;
    keys[to] = key;
    items[to] = otherItems[i];
  }
}

/** Makes of how many there are of each digit where the first of them goes. */
function toStarts(counts, from) {
  let start = 0;
  for (let i = from; i < from + DIGITS; i++) {
    const count = counts[i];
    counts[i] = start;
    start += count;
  }
}

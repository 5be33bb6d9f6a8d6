/**
 * Where the wrapper reads linear memory; src/exports.c asserts these places.
 *
 * In a file of their own, because bundlers write such numbers in place of their names: 50 bytes less
 * of a bundle. Engines don't do so with what is imported, so the constants of hot paths stand in
 * js/arena.js: with LIMIT from here `alloc` took 2.5 instead of 1.7 ns.
 */

/** Words of an arena's header, counted from its cursor. */
export const MARK = 3;
export const SETTLED = 5;
export const HIGH_WATER = 6;
export const CAPACITY = 7;
export const BASE = 8;

/** Bytes of an arena's header. */
export const HEADER_SIZE = 56;

/** Words of the module's state. */
export const FRONTIER = 15;
export const GROWS = 18;
export const REFUSAL = 19;
export const FIRST = 20;
export const FOREIGN = 21;
export const FREE = 22;
export const HEADERS = 55;

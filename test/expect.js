import assert from 'node:assert/strict';
import { ArenaError, ArenaOutOfMemoryError } from '../js/index.js';

/**
 * Asserts that `fn` throws an error of this package: its code, its native class (the class itself,
 * none of its subclasses) and something to read.
 *
 * @returns {Error} the error
 */
export function throwsCode(fn, code, Class, what = String(fn)) {
  let error;
  try {
    fn();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error, `${what} throws nothing, not ${code}`);
  assert.equal(error.code, code, `${what} throws ${error.stack}`);
  assert.equal(Object.getPrototypeOf(error), Class.prototype, `${what} throws another class`);
  assert.ok(error instanceof ArenaError, `${what}: no ArenaError`);
  assert.ok(error instanceof Error);
  assert.notEqual(error.message, '');
  return error;
}

export const throwsSize = (fn, what) => throwsCode(fn, 'ERR_ARENA_SIZE', RangeError, what);
export const throwsBounds = (fn, what) => throwsCode(fn, 'ERR_ARENA_BOUNDS', RangeError, what);
export const throwsMark = (fn, what) => throwsCode(fn, 'ERR_ARENA_MARK', RangeError, what);
export const throwsFreed = (fn, what) => throwsCode(fn, 'ERR_ARENA_FREED', Error, what);
export const throwsArgument = (fn, what) => throwsCode(fn, 'ERR_ARENA_ARGUMENT', TypeError, what);
export const throwsUnsupported = (fn, what) => throwsCode(fn, 'ERR_ARENA_UNSUPPORTED', Error, what);
export const throwsOutOfMemory = (fn, what) =>
  throwsCode(fn, 'ERR_ARENA_OUT_OF_MEMORY', ArenaOutOfMemoryError, what);

/** The methods that make a view on a new block, with the type and the element size of each. */
export const TYPED = [
  ['int8', Int8Array, 1],
  ['uint8', Uint8Array, 1],
  ['uint8Clamped', Uint8ClampedArray, 1],
  ['int16', Int16Array, 2],
  ['uint16', Uint16Array, 2],
  ['int32', Int32Array, 4],
  ['uint32', Uint32Array, 4],
  ['float32', Float32Array, 4],
  ['float64', Float64Array, 8],
  ['bigInt64', BigInt64Array, 8],
  ['bigUint64', BigUint64Array, 8],
];
if (globalThis.Float16Array) TYPED.push(['float16', Float16Array, 2]);

/** Whether a block of [ptr, ptr + size) is in the used bytes of the arena. */
export function holds(arena, ptr, size) {
  try {
    arena.view(Uint8Array, ptr, size);
    return true;
  } catch (error) {
    assert.equal(error.code, 'ERR_ARENA_BOUNDS');
    return false;
  }
}

import assert from 'node:assert/strict';
import { Arena } from '../js/index.js';
import { FixedBuffer, Heap, Pool, track } from '../js/allocators.js';
import { KIB, MIB } from './arenas.js';
import { throwsArgument, throwsBounds, throwsCode } from './expect.js';

const kept = [];

/** An allocator, or an arena, that is disposed of after the test. */
export function keep(allocator) {
  kept.push(allocator);
  return allocator;
}

afterEach(() => {
  for (const allocator of kept.splice(0)) {
    if (allocator instanceof Arena) allocator.free();
    else allocator.dispose();
  }
});

/**
 * What `fn` returns, where methods of these names, and all of the module, must not be called. What a
 * hot path serves, the path behind it would serve too, only more slowly: so this reaches into
 * internals, on purpose, and takes the path behind away.
 */
export function without(allocator, names, fn) {
  const refuse = (name) => assert.fail(`${String(name)} was called`);
  const core = allocator._core;
  allocator._core = new Proxy(core, { get: (_, name) => refuse(name) });
  for (const name of names) allocator[name] = () => refuse(name);
  try {
    return fn();
  } finally {
    allocator._core = core;
    for (const name of names) delete allocator[name];
  }
}

/** One of each kind that others can stand on, in a memory: how it is made there. */
export const PARENTS = {
  'an arena': (memory) => keep(new Arena({ memory })),
  'a zeroing arena': (memory) => keep(new Arena({ memory, zero: true })),
  'a heap': (memory) => keep(new Heap({ memory })),
  'a pool': (memory) => keep(new Pool({ memory, size: 64 * KIB, align: 64 })),
  'a fixed buffer': (memory) => keep(new FixedBuffer({ memory, size: MIB })),
  'a tracked arena': (memory) => keep(track(keep(new Arena({ memory })))),
  'a tracked heap': (memory) => keep(track(keep(new Heap({ memory })))),
  'an arena on a fixed buffer on a heap': (memory) =>
    keep(new Arena({ on: new FixedBuffer({ on: keep(new Heap({ memory })), size: MIB }) })),
};

/** What an allocator stands on: the options that say so, in a memory. */
export const GROUNDS = { 'the memory': (memory) => ({ memory }) };
for (const [name, make] of Object.entries(PARENTS)) {
  GROUNDS[name] = (memory) => ({ on: make(memory) });
}

/** Whatever kind it is. */
export const give = (allocator) =>
  allocator instanceof Arena ? allocator.free() : allocator.dispose();
export const isGone = (allocator) => allocator.freed ?? allocator.disposed;

/** What throws where anything of it is run or read, as a conversion to a number or string would. */
const forbidden = () => {
  throw new Error('something of an argument was run');
};
const HOOKS = { valueOf: forbidden, toString: forbidden, [Symbol.toPrimitive]: forbidden };
export const NO_NUMBERS = ['8', '', null, true, 8n, Symbol('8'), {}, [8], HOOKS, forbidden];
export const NO_OFFSETS = [
  -1,
  -8,
  0.5,
  1.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 32,
  2 ** 53,
  -(2 ** 31),
];
const BAD_SIZES = [...NO_OFFSETS, ...NO_NUMBERS];
const BAD_ALIGNS = [0, 3, 6, 9, -1, -8, 0.5, 65537, 131072, 2 ** 31, 2 ** 32, NaN, Infinity];

const title = (value) => (Object(value) === value ? typeof value : String(value));
const classFor = (value) => (typeof value === 'number' ? RangeError : TypeError);

/** Asserts that `call` throws ERR_ARENA_SIZE for each value that is no size. */
export function refusesBadSizes(call) {
  for (const value of BAD_SIZES) {
    throwsCode(() => call(value), 'ERR_ARENA_SIZE', classFor(value), `size ${title(value)}`);
  }
}

/** Asserts that `call` throws ERR_ARENA_ALIGNMENT for each value that is no alignment. */
export function refusesBadAligns(call) {
  for (const value of [...BAD_ALIGNS, ...NO_NUMBERS]) {
    throwsCode(() => call(value), 'ERR_ARENA_ALIGNMENT', classFor(value), `align ${title(value)}`);
  }
}

/** Asserts that `call` throws for each value that is no offset, and for `others`. */
export function refusesBadOffsets(call, others = []) {
  for (const value of [...NO_NUMBERS, undefined]) {
    const error = throwsArgument(() => call(value), `at ${title(value)}`);
    if (Object(value) !== value) assert.ok(error.message.includes(String(value)), error.message);
  }
  for (const value of [...NO_OFFSETS, 2 ** 32 - 1, 2 ** 31, ...others]) {
    const error = throwsBounds(() => call(value), `at ${value}`);
    assert.ok(error.message.includes(String(value)), error.message);
  }
}

/** What can be seen of an allocator, its objects included. */
export function see(allocator) {
  const { used, remaining, capacity, highWater, live, blocks, held, stride } = allocator;
  const objects = allocator instanceof Pool && !allocator.disposed ? [...allocator] : undefined;
  const stats = allocator.stats?.();
  const gone = isGone(allocator);
  return {
    ...{ used, remaining, capacity, highWater, live, blocks, held, stride, objects, stats, gone },
  };
}

/** Asserts that `fn` changes nothing that can be seen of the allocators. */
export function changesNothing(allocators, fn) {
  const before = allocators.map(see);
  const result = fn();
  assert.deepEqual(allocators.map(see), before);
  return result;
}

/** Asserts that `fn` leaves every byte of the memory up to its frontier as it was. */
export function writesNothing(memory, fn) {
  const words = () => memory.u32.slice(0, memory.stats().frontier / 4);
  const before = words();
  fn();
  const after = words();
  assert.equal(after.length, before.length, 'the frontier has moved');
  const at = after.findIndex((value, i) => value !== before[i]);
  assert.equal(at, -1, `the word at ${4 * at} was written`);
}

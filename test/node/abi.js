import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export const PAGE = 65536;

/** The most that addresses reach: the last page of 4 GiB is never used. */
export const MOST = 65535 * PAGE;

export const bytesOf = (name) => readFileSync(new URL(`../../abi/${name}`, import.meta.url));

const modules = new Map();

export function moduleOf(name) {
  if (!modules.has(name)) modules.set(name, new WebAssembly.Module(bytesOf(`${name}.wasm`)));
  return modules.get(name);
}

/** A fresh instance of the module; those that import their memory get this one. */
export function instantiate(name, memory) {
  return new WebAssembly.Instance(moduleOf(name), { env: { memory } }).exports;
}

export function newMemory(initial = 1, maximum = undefined) {
  return new WebAssembly.Memory({ initial, maximum });
}

/** A trap by `unreachable`, and nothing else. */
export function traps(fn) {
  assert.throws(fn, (error) => {
    assert.ok(error instanceof WebAssembly.RuntimeError, error);
    assert.match(error.message, /unreachable/i);
    return true;
  });
}

/** Random programs: ARENA_SEED repeats a run, ARENA_RUNS makes more of them. */
export const SEED = Number(process.env.ARENA_SEED ?? Math.floor(Math.random() * 2 ** 31));
export const RUNS = Number(process.env.ARENA_RUNS ?? 200);

/** Random integers below a bound, the same for the same seed (mulberry32). */
export function randomNumbers(seed) {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/**
 * What of a memory must not change: the program's own bytes. Two blocks that overlap, or a block in
 * these, show by their contents.
 */
export class Shadow {
  constructor(memory) {
    this.memory = memory;
    this.ids = 0;
  }

  get u8() {
    return new Uint8Array(this.memory.buffer);
  }

  /** Fills bytes with what belongs to them alone, as far as a byte can tell; returns what. */
  claim(start, size) {
    const part = { start, size, id: (this.ids = (this.ids % 251) + 1) };
    this.u8.fill(part.id, start, start + size);
    return part;
  }

  /** Asserts that the first `size` bytes at `start` are what was once put into this part. */
  holds({ start, size, id }, at = start, length = size) {
    const bytes = Buffer.from(this.memory.buffer, at, length);
    if (!bytes.equals(Buffer.alloc(length, id))) {
      assert.fail(`[${start}, ${start + size}) was overwritten; ARENA_SEED=${SEED}`);
    }
  }

  /** The pages that somebody else adds. */
  grow(pages) {
    return this.claim(this.memory.grow(pages) * PAGE, pages * PAGE);
  }
}

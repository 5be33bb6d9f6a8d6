/**
 * A recorded trace with one contender: time, the most bytes that it held, garbage, and the pauses
 * of the collector. After the time is taken, the trace is gone through once more with every block
 * full of bytes of its own, which have to be there until it is given back.
 */
import { readFileSync } from 'node:fs';
import { performance, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { bytesOf } from '../contenders/contender.js';
import { measure } from '../sampling.js';
import { decode, END, MARK, REALLOC, RELEASE, STRIDE } from '../traces/format.js';

/** How long pauses are watched for. */
const WATCHED_MS = 500;
/** Replays whose garbage is counted. */
const COUNTED = 100;
/** The others report no pauses, and count no garbage. */
const IS_NODE = !globalThis.Bun && !globalThis.Deno;

export const scene = (name) => replay('scene', name);
export const mesh = (name) => replay('mesh', name);
export const csv = (name) => replay('csv', name);
export const protobuf = (name) => replay('protobuf', name);

async function replay(trace, name) {
  const decoded = decode(readFileSync(new URL(`../traces/${trace}.trace`, import.meta.url)));
  const { contender: open } = await import(`../contenders/${name}.js`);
  const contender = open({ marks: true });
  const run = replayer(decoded, contender);
  const result = measure(run, decoded.count);
  const held = check(decoded, contender);
  const { peak, paused, longest } = await watch(run, !contender.held);
  const garbage = await garbageOf(run);
  return { ...result, more: { peak: held || peak || undefined, garbage, paused, longest } };
}

/**
 * A function that goes through the trace. One element of each view is written; a block is only kept
 * where it is changed later.
 */
function replayer({ operations, slots }, contender) {
  const { alloc, view, realloc, grow, mark, release, reset, buffer } = contender;
  const blocks = new Array(slots).fill(0);
  const marks = [];
  const use = (block, kind, i) => {
    if (kind === 0 && buffer) return block;
    if (block.length) block[0] = i;
    return block.length;
  };
  return () => {
    let sum = 0;
    for (let at = 0; at < operations.length; at += STRIDE) {
      const kind = operations[at + 1];
      const length = operations[at + 2];
      const fourth = operations[at + 3];
      const slot = operations[at + 4];
      switch (operations[at]) {
        case END:
          reset();
          break;
        case MARK:
          marks[kind] = mark();
          break;
        case RELEASE:
          release(marks[kind]);
          break;
        case REALLOC: {
          const old = blocks[slot];
          const block = kind ? grow(old, kind, length) : realloc(old, fourth, length, 8);
          blocks[slot] = block;
          sum ^= use(block, kind, at);
          break;
        }
        default: {
          const block = kind ? view(kind, length) : alloc(length, fourth);
          if (slot >= 0) blocks[slot] = block;
          sum ^= use(block, kind, at);
        }
      }
    }
    return sum;
  };
}

/**
 * Goes through the trace with every block full of bytes of its own.
 *
 * @returns {number} the most bytes that the contender held
 * @throws where a block does not have its bytes any more when it is changed or given back
 */
function check({ operations, slots }, contender) {
  const { mark, release, reset, held = () => 0 } = contender;
  const changed = new Array(slots);
  const marks = [];
  const live = [];
  let highest = 0;
  const giveBack = (from) => live.splice(from).forEach(verify);
  for (let at = 0; at < operations.length; at += STRIDE) {
    const [code, kind, length, fourth, slot] = operations.subarray(at, at + STRIDE);
    if (code === END) {
      giveBack(0);
      reset();
    } else if (code === MARK) {
      marks[kind] = { mark: mark(), since: live.length };
    } else if (code === RELEASE) {
      giveBack(marks[kind].since);
      release(marks[kind].mark);
    } else if (code === REALLOC) {
      change(changed[slot], contender, length, fourth);
    } else {
      const block = kind ? contender.view(kind, length) : contender.alloc(length, fourth);
      const entry = { contender, block, kind, length, filling: at % 251 };
      bytesIn(entry).fill(entry.filling);
      live.push(entry);
      if (slot >= 0) changed[slot] = entry;
    }
    highest = Math.max(highest, held());
  }
  return highest;
}

function change(entry, { grow, realloc }, length, oldLength) {
  const { block, kind, filling } = entry;
  verify(entry);
  entry.block = kind ? grow(block, kind, length) : realloc(block, oldLength, length, 8);
  verify({ ...entry, length: Math.min(length, oldLength) });
  entry.length = length;
  bytesIn(entry).fill(filling);
}

function verify(entry) {
  if (bytesIn(entry).some((byte) => byte !== entry.filling)) throw new Error('two blocks overlap');
}

/** Made when they are looked at, because a memory that grows detaches its views. */
function bytesIn({ contender: { buffer }, block, kind, length }) {
  if (kind === 0 && buffer) return new Uint8Array(buffer(), block >>> 0, length);
  const { byteOffset } = block;
  return new Uint8Array(buffer?.() ?? block.buffer, byteOffset, length * (bytesOf(kind) || 1));
}

/**
 * Replays it for a while and looks on: pauses, where the runtime reports them, and how full heap and
 * array buffers become, where the collector alone knows what is held.
 */
async function watch(run, isCollected) {
  const pauses = [];
  const note = (list) => pauses.push(...list.getEntries().map(({ duration }) => duration));
  const observer = new PerformanceObserver(note);
  if (IS_NODE) observer.observe({ entryTypes: ['gc'] });
  const before = used();
  let peak = 0;
  const start = performance.now();
  let end = start;
  for (; end < start + WATCHED_MS; end = performance.now()) {
    run();
    if (isCollected) peak = Math.max(peak, used() - before);
  }
  await setImmediate();
  if (!IS_NODE) return { peak };
  note({ getEntries: () => observer.takeRecords() });
  observer.disconnect();
  const total = pauses.reduce((sum, pause) => sum + pause, 0);
  return { peak, paused: (100 * total) / (end - start), longest: Math.max(0, ...pauses) };
}

function used() {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Bytes of a replay, counted as examples/measure.js counts them: by V8, in Node.js. */
async function garbageOf(run) {
  if (!IS_NODE) return undefined;
  const { measure } = await import('../../examples/measure.js');
  const { garbage } = await measure(COUNTED, () => {
    for (let i = 0; i < COUNTED; i++) run();
  });
  return Math.max(0, garbage);
}

/**
 * A trace is its operations as LEB128 numbers: a code, and what belongs to it. A block
 * is named by how many younger ones are alive, a mark by how many younger ones are open.
 *
 *   END                            a frame or request is over: everything is given back
 *   MARK
 *   RELEASE mark                   what is younger than the mark is given back; the mark is closed
 *   REALLOC block length
 *   ALLOC + kind, length           of contenders/contender.js; bytes by their offset have an align
 */
import { bytesOf } from '../contenders/contender.js';

export const END = 0;
export const MARK = 1;
export const RELEASE = 2;
export const REALLOC = 3;
export const ALLOC = 4;

/** Numbers that an operation takes in a decoded trace. */
export const STRIDE = 5;

/** Writes a trace. */
export class Encoder {
  constructor() {
    this.bytes = [];
    this.operations = 0;
  }

  add(code, ...numbers) {
    this.operations++;
    for (let number of [code, ...numbers]) {
      for (; number > 0x7f; number >>>= 7) this.bytes.push((number & 0x7f) | 0x80);
      this.bytes.push(number);
    }
  }
}

/**
 * A trace as a replayer wants it: five numbers an operation, and none to look up.
 *
 *   END, MARK and RELEASE    code, index of the mark
 *   REALLOC                  code, kind, new length, old length, slot
 *   ALLOC                    code, kind, length, align, slot
 *
 * A slot is where a block is kept that a later operation changes; −1: none does.
 *
 * @param {Uint8Array} bytes
 * @returns {{ operations: Int32Array, count: number, slots: number }}
 */
export function decode(bytes) {
  const operations = [];
  const marks = [];
  let live = [];
  let slots = 0;
  let most = 0;
  const push = (...numbers) =>
    operations.push(...numbers, ...Array(STRIDE - numbers.length).fill(0));

  for (const numbers = numbersOf(bytes); ;) {
    const { value: code, done } = numbers.next();
    if (done) break;
    const next = () => numbers.next().value;
    if (code === END) {
      push(END);
      live = [];
      marks.length = slots = 0;
    } else if (code === MARK) {
      push(MARK, marks.push(live.length) - 1);
    } else if (code === RELEASE) {
      const mark = marks.length - 1 - next();
      push(RELEASE, mark);
      live.length = marks[mark];
      marks.length = mark;
    } else if (code === REALLOC) {
      const block = live[live.length - 1 - next()];
      const length = next();
      if (block.slot < 0) operations[block.at + STRIDE - 1] = block.slot = slots++;
      push(REALLOC, block.kind, length, block.length, block.slot);
      block.length = length;
      most = Math.max(most, slots);
    } else {
      const kind = code - ALLOC;
      const length = next();
      live.push({ at: operations.length, kind, length, slot: -1 });
      push(ALLOC, kind, length, kind ? bytesOf(kind) : next(), -1);
    }
  }
  return {
    operations: Int32Array.from(operations),
    count: operations.length / STRIDE,
    slots: most,
  };
}

function* numbersOf(bytes) {
  let number = 0;
  let shift = 0;
  for (const byte of bytes) {
    number += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte > 0x7f) continue;
    yield number;
    number = shift = 0;
  }
}

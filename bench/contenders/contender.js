/**
 * What the workloads of the matrices call. A contender is one allocator behind the same functions,
 * a file each, so that a process loads no other.
 *
 * @typedef {number | ArrayBufferView} Block a byte offset, or what stands for the block
 *
 * @typedef {object} Contender
 * @property {() => ArrayBuffer} [buffer] where offsets are; without it blocks are views
 * @property {(size: number, align?: number) => Block} alloc uninitialised where there is such
 * @property {(length: number) => Float32Array} [float32]
 * @property {(length: number) => Uint8Array} zeroed every byte reads 0
 * @property {() => void} reset gives all blocks back
 * @property {(kind: number, length: number) => ArrayBufferView} [view] a typed array of KINDS
 * @property {(block: Block, oldSize: number, newSize: number, align: number) => Block} [realloc]
 * @property {(view: any, kind: number, length: number) => ArrayBufferView} [grow] a longer or
 *   shorter view with the same elements
 * @property {() => any} [mark]
 * @property {(mark: any) => void} [release] gives all blocks since the mark back
 * @property {() => number} [held] bytes that it has now; without it only the collector knows
 */

/**
 * What a contender may know of the workload.
 *
 * @typedef {object} Workload
 * @property {number} [size] bytes of each block, where they are alike
 * @property {boolean} [marks] whether blocks are given back by marks
 */

/** What a block of a trace is: bytes by their offset, or a typed array. */
export const KINDS = ['alloc', 'uint8', 'uint16', 'uint32', 'int32', 'float32', 'float64'];
const BYTES = [1, 1, 2, 4, 4, 4, 8];

/** Bytes of an element. */
export const bytesOf = (kind) => BYTES[kind];

/** A switch, because a constructor out of a table is one that no engine inlines. */
export function viewOf(kind, buffer, offset, length) {
  switch (kind) {
    case 1:
      return new Uint8Array(buffer, offset, length);
    case 2:
      return new Uint16Array(buffer, offset, length);
    case 3:
      return new Uint32Array(buffer, offset, length);
    case 4:
      return new Int32Array(buffer, offset, length);
    case 5:
      return new Float32Array(buffer, offset, length);
    default:
      return new Float64Array(buffer, offset, length);
  }
}

/** A contender whose blocks are offsets: views are made on its buffer, as its caller has to. */
export function onBuffer({ buffer, alloc, realloc, ...rest }) {
  const contender = {
    buffer,
    alloc,
    float32: (length) => {
      const offset = alloc(4 * length, 4);
      return new Float32Array(buffer(), offset, length);
    },
    zeroed: (length) => {
      const offset = alloc(length, 1);
      return new Uint8Array(buffer(), offset, length).fill(0);
    },
    view: (kind, length) => {
      const size = BYTES[kind];
      const offset = alloc(size * length, size);
      return viewOf(kind, buffer(), offset, length);
    },
    ...rest,
  };
  if (!realloc) return contender;

  const grow = ({ byteOffset, byteLength }, kind, length) => {
    const size = BYTES[kind];
    const offset = realloc(byteOffset, byteLength, size * length, size);
    return viewOf(kind, buffer(), offset, length);
  };
  return { ...contender, realloc, grow };
}

/**
 * The list that a caller keeps of an allocator's blocks that are freed one by one: `reset` frees
 * them in the order in which they were allocated, `release` the youngest first.
 *
 * @param {any[] | Uint32Array} blocks
 * @param {(block: any) => void} free
 */
export function listed(blocks, free) {
  let count = 0;
  return {
    add: (block) => (blocks[count++] = block),
    /** @returns {void} */
    replace: (old, block) => {
      let at = count - 1;
      while (blocks[at] !== old) at--;
      blocks[at] = block;
    },
    mark: () => count,
    release: (mark) => {
      while (count > mark) free(blocks[--count]);
    },
    reset: () => {
      for (let i = 0; i < count; i++) free(blocks[i]);
      count = 0;
    },
    /** For what frees them all together. */
    clear: () => {
      count = 0;
    },
    all: () => blocks.slice(0, count),
  };
}

/** Pages that a memory has from the start, so that it does not grow, which would detach its views. */
export const RESERVE_PAGES = 2 ** 9;

/** Blocks that are alive together in any workload, at most. */
export const MOST_BLOCKS = 2 ** 17;

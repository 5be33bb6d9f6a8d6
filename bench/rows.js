/**
 * The rows of the performance contract, in its order. A row has a subject of ours and either a peer,
 * whose time ÷ ours is to be at least `atLeast` of the engine, or `atMost`. A row without a bound
 * says something that the contract doesn't.
 */
import { scalingRows } from './scaling.js';

const SAMPLED = 7;
const STARTED = 15;
const COUNTED = 1;

/** How often each subject is run; the names are those of subject.js. */
export const rounds = (subject) => {
  if (subject.startsWith('startup/')) return STARTED;
  return /^(alloc|views|requests|marks|pool|heap|peers|traces|scaling)\/(?!held)/.test(subject)
    ? SAMPLED
    : COUNTED;
};

const bounds = (V8, JSC, SpiderMonkey) => ({ V8, JSC, SpiderMonkey });

/**
 * @typedef {object} Row
 * @property {string} name what `npm run bench -- NAME` calls it
 * @property {string} what
 * @property {string} ours a subject
 * @property {string} [peer] a subject
 * @property {string} [against] what the peer is
 * @property {Record<string, number>} [atLeast] by engine
 * @property {number} [atMost]
 * @property {boolean} [below] whether `atMost` itself is too much
 */

/** @type {Row[]} */
export const rows = [
  {
    name: 'alloc-raw',
    what: 'alloc(64, 8)',
    ours: 'alloc/arena',
    peer: 'alloc/rawExport',
    against: 'the same bump through its raw export',
    atLeast: bounds(1.5, 2, 0.7),
  },
  {
    name: 'alloc-arenas',
    what: 'alloc(64, 8), 8 arenas in turn',
    ours: 'alloc/arenas',
    peer: 'alloc/rawExports',
    against: 'likewise',
    atLeast: bounds(1.5, 1.5, 0.7),
  },
  {
    name: 'alloc-malloc',
    what: 'alloc(64, 8), 1,000 blocks, reset',
    ours: 'alloc/arena',
    peer: 'alloc/malloc',
    against: 'dlmalloc: malloc 1,000 blocks, free them',
    atLeast: bounds(8, 10, 2.8),
  },
  {
    name: 'alloc-malloc-pair',
    what: 'alloc(64, 8), 1,000 blocks, reset',
    ours: 'alloc/arena',
    peer: 'alloc/mallocPair',
    against: 'dlmalloc: malloc, free at once',
  },
  {
    name: 'alloc-bump',
    what: 'alloc(64, 8)',
    ours: 'alloc/arena',
    peer: 'alloc/bump',
    against: 'a bump class in plain JavaScript',
    atLeast: bounds(1, 1, 0.85),
  },
  {
    name: 'float32-16',
    what: 'float32(16), steady frame',
    ours: 'views/arena16',
    peer: 'views/plain16',
    against: 'new Float32Array(16)',
    atLeast: bounds(5, 2.5, 2),
  },
  {
    name: 'float32-256',
    what: 'float32(256), steady frame',
    ours: 'views/arena256',
    peer: 'views/plain256',
    against: 'new Float32Array(256)',
    atLeast: bounds(50, 20, 4),
  },
  {
    name: 'garbage',
    what: 'garbage of a steady frame of 1,000 views and marks',
    ours: 'garbage/arena',
    atMost: 0,
  },
  {
    name: 'mark',
    what: 'mark, alloc(64, 8), release',
    ours: 'marks/arena',
    peer: 'marks/stack',
    against: 'stackSave, stackAlloc, stackRestore',
    atLeast: bounds(2, 2, 0.5),
  },
  ...[64, 1024, 16384].flatMap((size) => [
    {
      name: `request-${size}`,
      what: `a request's arena with 20 buffers of ${size} bytes, zeroed: each`,
      ours: `requests/arena${size}`,
      peer: `requests/plain${size}`,
      against: `Buffer.alloc(${size})`,
      atLeast: { V8: size === 1024 ? 10 : 2 },
    },
    {
      name: `request-unsafe-${size}`,
      what: 'the same, not zeroed',
      ours: `requests/unsafeArena${size}`,
      peer: `requests/unsafePlain${size}`,
      against: `Buffer.allocUnsafe(${size})`,
    },
  ]),
  {
    name: 'growth',
    what: '1 GiB in blocks of 1 KiB past a reserve of 1 MiB: memory.grow',
    ours: 'memory/growth',
    atMost: 12,
  },
  {
    name: 'small-arenas',
    what: '10,000 live arenas of 1 KiB: frontier',
    ours: 'memory/smallArenas',
    atMost: 12,
  },
  {
    name: 'churn',
    what: 'churn, arenas filled one by one: frontier ÷ peak',
    ours: 'churn/oneByOne',
    atMost: 1.2,
  },
  {
    name: 'churn-interleaved',
    what: 'churn, 32 filled interleaved',
    ours: 'churn/interleaved',
    atMost: 1.2,
  },
  {
    name: 'churn-all',
    what: 'churn, all 1,000 filled interleaved',
    ours: 'churn/allAtOnce',
    atMost: 1.2,
  },
  ...['uniform', 'log'].flatMap((sizes) =>
    ['Dlmalloc', 'Emmalloc'].map((peer) => ({
      name: `heap-${sizes}-${peer.toLowerCase()}`,
      what: `Heap, 10,000 live, 16 B to 16 KiB, ${sizes}: free and alloc`,
      ours: `heap/${sizes}`,
      peer: `heap/${sizes}${peer}`,
      against: `${peer.toLowerCase()}: free and malloc`,
      atLeast: bounds(1, 1, 1),
    })),
  ),
  ...['uniform', 'log'].map((sizes) => ({
    name: `heap-export-${sizes}`,
    what: `the same by the raw export, ${sizes}`,
    ours: `heap/${sizes}Export`,
    peer: `heap/${sizes}Dlmalloc`,
    against: 'dlmalloc: free and malloc',
  })),
  ...['Dlmalloc', 'Emmalloc'].map((peer) => ({
    name: `heap-worst-${peer.toLowerCase()}`,
    what: 'Heap, free and alloc: 99.99 % stay below',
    ours: 'heap/worst',
    peer: `heap/worst${peer}`,
    against: peer.toLowerCase(),
  })),
  ...['held', 'heldLog'].flatMap((sizes) =>
    ['Dlmalloc', 'Emmalloc'].map((peer) => ({
      name: `heap-${sizes === 'held' ? 'held' : 'held-log'}-${peer.toLowerCase()}`,
      what: `Heap, after 10,000,000 operations${sizes === 'held' ? '' : ', log'}: bytes held ÷ live`,
      ours: `heap/${sizes}`,
      peer: `heap/${sizes}${peer}`,
      against: peer.toLowerCase(),
      ...(peer === 'Dlmalloc' && { atLeast: bounds(1, 1, 1) }),
    })),
  ),
  {
    name: 'pool-heap',
    what: 'Pool, 1,000 objects of 64 bytes: alloc and free',
    ours: 'pool/pool',
    peer: 'pool/heapExport',
    against: 'Heap, by its raw export',
    atLeast: bounds(5, 5, 5),
  },
  {
    name: 'fixed-buffer',
    what: 'FixedBuffer, alloc(64, 8)',
    ours: 'pool/fixedBuffer',
    peer: 'alloc/arena',
    against: 'Arena, alloc(64, 8)',
  },
  {
    name: 'startup-allocation',
    what: 'first allocation after import',
    ours: 'startup/allocation',
    atMost: 3,
    below: true,
  },
  {
    name: 'startup-both',
    what: 'import and first allocation',
    ours: 'startup/importAndAllocation',
    atMost: 6,
    below: true,
  },
  { name: 'size-module', what: 'wasm module', ours: 'size/wasmModule', atMost: 4096 },
  {
    name: 'size-bundle',
    what: 'import { Arena }, minified, Brotli',
    ours: 'size/bundle',
    atMost: 6656,
  },
  ...scalingRows,
];

/** Rows called `name`, or whose name begins with it and a hyphen. */
export const rowsNamed = (name) =>
  rows.filter((row) => row.name === name || row.name.startsWith(`${name}-`));

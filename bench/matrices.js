/**
 * Rows that set every peer beside ours: the same workload in each, or a dash where a peer can't do
 * it. They have no bound.
 */

/** By the name of their file in contenders/; ours first. */
export const PEERS = {
  arena: 'Arena',
  fixedBuffer: 'FixedBuffer',
  pool: 'Pool',
  heap: 'Heap',
  raw: 'our C, raw export',
  plain: 'new TypedArray',
  bufferAlloc: 'Buffer.alloc',
  bufferAllocUnsafe: 'Buffer.allocUnsafe',
  bump: 'plain JS bump class',
  typedarrayPool: 'typedarray-pool',
  thingMalloc: '@thi.ng/malloc',
  assemblyscript: 'AssemblyScript stub',
  stack: 'Emscripten stackAlloc',
  dlmalloc: 'Emscripten dlmalloc',
  emmalloc: 'Emscripten emmalloc',
};

const BUFFERS = ['bufferAlloc', 'bufferAllocUnsafe'];
/** They have no marks, or blocks of one size only. */
const UNMARKED = ['fixedBuffer', 'pool', 'raw'];

/**
 * @typedef {object} MatrixRow
 * @property {string} name what `npm run bench -- NAME` calls it
 * @property {string} what
 * @property {Record<string, string>} cells a subject for each peer that can do it
 */

/**
 * @param {string} subject
 * @param {string[]} unable peers that can't do it
 */
const cells = (subject, unable) =>
  Object.fromEntries(
    Object.keys(PEERS)
      .filter((peer) => !unable.includes(peer))
      .map((peer) => [peer, `${subject}/${peer}`]),
  );

const trace = (name, what, unable) => ({
  name: `trace-${name}`,
  what,
  cells: cells(`traces/${name}`, [...BUFFERS, ...UNMARKED, ...unable]),
});

/** @type {MatrixRow[]} */
export const matrixRows = [
  { name: 'peers-alloc', what: 'alloc(64)', cells: cells('peers/alloc', []) },
  { name: 'peers-mixed', what: 'alloc, 16 B to 4 KiB', cells: cells('peers/mixed', ['pool']) },
  { name: 'peers-float32-16', what: 'float32(16)', cells: cells('peers/float32x16', BUFFERS) },
  { name: 'peers-float32-256', what: 'float32(256)', cells: cells('peers/float32x256', BUFFERS) },
  { name: 'peers-zeroed', what: 'uint8(256), zeroed', cells: cells('peers/zeroed', []) },
  trace('scene', 'frames of a scene', []),
  trace('mesh', 'meshes of unknown length', ['stack']),
  trace('csv', 'CSV requests', ['stack']),
  trace('protobuf', 'messages decoded', []),
];

/** What a row measures, in the order of the tables; the value itself is the first. */
export const METRICS = [
  ['value', 'ns', 'ns an operation'],
  ['peak', 'bytes', 'most bytes held'],
  ['garbage', 'bytes', 'bytes of garbage a replay'],
  ['paused', '%', 'share of the time in pauses of the garbage collector'],
  ['longest', 'ms', 'longest pause'],
];

/** The matrix of a row, which is one table: the first word of its name. */
export const matrixOf = ({ name }) => name.split('-')[0];

/** Rows called `name`, or whose name begins with it and a hyphen. */
export const matrixRowsNamed = (name) =>
  matrixRows.filter((row) => row.name === name || row.name.startsWith(`${name}-`));

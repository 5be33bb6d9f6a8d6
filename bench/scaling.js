/**
 * Rows that say how a cost depends on how much there is. Without bounds: the contract has none. A
 * ratio compares with the least of each series.
 */

const named = { 1024: '1 KiB', [2 ** 20]: '1 MiB', [2 ** 30]: '1 GiB', [2 ** 32]: '4 GiB' };
const count = (number) => number.toLocaleString('en');

/** @type {import('./rows.js').Row[]} */
export const scalingRows = [
  ...[2 ** 10, 2 ** 20, 2 ** 30, 2 ** 32].map((bytes) => ({
    name: `scaling-bytes-${named[bytes].replace(' ', '').toLowerCase()}`,
    what: `alloc(64, 8), an arena of ${named[bytes]} filled and reset`,
    ours: `scaling/bytes/${bytes}`,
    ...(bytes > 2 ** 20 && { peer: `scaling/bytes/${2 ** 20}`, against: 'one of 1 MiB' }),
  })),
  ...[1, 100, 10_000].map((arenas) => ({
    name: `scaling-arenas-${arenas}`,
    what: `alloc(64, 8), live arenas in turn, each reset after 64 blocks: ${count(arenas)}`,
    ours: `scaling/arenas/${arenas}`,
    ...(arenas > 1 && { peer: 'scaling/arenas/1', against: 'one arena' }),
  })),
  ...['reset', 'release'].flatMap((method) =>
    [1, 100, 1000].map((chunks) => ({
      name: `scaling-${method}-${chunks}`,
      what: `${method}, chunks given back: ${count(chunks)}`,
      ours: `scaling/${method}/${chunks}`,
    })),
  ),
  ...[0, 100_000].map((free) => ({
    name: `scaling-chunk-${free}`,
    what: `new Arena, a block of 1 KiB, free; free chunks in its memory: ${count(free)}`,
    ours: `scaling/chunk/${free}`,
    ...(free && { peer: 'scaling/chunk/0', against: 'without any' }),
  })),
];

/** What the servers get: bodies of these sizes, over so many connections. */

import { readFileSync } from 'node:fs';

const SIZES = { '1KiB': 2 ** 10, '64KiB': 2 ** 16, '1MiB': 2 ** 20 };
const CONNECTIONS = [1, 64, 512];

const DATA = new URL('../../examples/data/birdstrikes.csv', import.meta.url);

/** @typedef {{ name: string, size: number, connections: number }} Cell */

/** @type {Cell[]} */
export const cells = Object.entries(SIZES).flatMap(([name, size]) =>
  CONNECTIONS.map((connections) => ({ name: `${name}/${connections}`, size, connections })),
);

/** @param {string} start */
export function cellsNamed(start) {
  return cells.filter(({ name }) => name.startsWith(start));
}

/**
 * As many rows of birdstrikes.csv as fit in so many bytes, over and over.
 *
 * @param {'csv' | 'ndjson'} format
 * @param {number} size
 */
export function bodyOf(format, size) {
  const [header, ...rows] = readFileSync(DATA, 'utf8').trimEnd().split('\n');
  const plain = rows.filter((row) => !row.includes('"'));
  const isCsv = format === 'csv';
  const names = header.split(',');
  const lines = isCsv ? [header] : [];
  let bytes = isCsv ? Buffer.byteLength(header) + 1 : 0;
  for (let i = 0; ; i = (i + 1) % plain.length) {
    const line = isCsv ? plain[i] : toJson(names, plain[i].split(','));
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > size) return Buffer.from(`${lines.join('\n')}\n`);
    lines.push(line);
  }
}

function toJson(names, values) {
  const isNumber = (value) => /^\d+$/.test(value);
  const members = names.map((name, i) => [name, isNumber(values[i]) ? +values[i] : values[i]]);
  return JSON.stringify(Object.fromEntries(members));
}

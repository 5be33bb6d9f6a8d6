const HEAD = [
  'upload',
  'over',
  'server',
  'requests/s',
  'p50',
  'p99',
  'p99.9',
  'CPU',
  'RSS',
  'GC',
  'GCs',
];
const CAVEAT =
  'The load comes from the same machine: where it has few cores, the client takes part of them.';

/** Processes a core that want to run, from which on times are doubtful: server and client are two. */
const BUSY = 1.5;

/** The targets hold for bodies from here on, in bytes. */
const LARGE = 2 ** 15;
/** Runs are never alike: that much worse is no worse. */
const NO_WORSE = 1.05;
const LESS_GC = 3;

/** A result as text for a terminal. */
export function textTable(result) {
  const table = rowsOf(result);
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const pad = (cell, column) =>
    column < 3 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
  const lines = table.map((row) => row.map(pad).join('  ').trimEnd());
  return [titleOf(result), ...lines, ...notesOf(result)].join('\n');
}

/** The same as Markdown. */
export function markdownTable(result) {
  const [head, ...rows] = rowsOf(result);
  const rule = head.map((_, column) => (column < 3 ? '---' : '---:'));
  const table = [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  return [titleOf(result), table, notesOf(result).join(' ')].join('\n\n');
}

function rowsOf({ cells }) {
  return [[...HEAD, 'target'], ...cells.flatMap(rowsOfCell)];
}

function rowsOfCell({ name, format, connections, bytes, arena, usual }) {
  const upload = `${format} ${name.split('/')[0]}`;
  const figures = ({ rate, p50, p99, p999, cpu, rss, gc, collections, requests }) => [
    round(rate),
    ...[p50, p99, p999, cpu].map((ms) => `${round(ms)} ms`),
    `${round(rss / 2 ** 20)} MiB`,
    `${round((1000 * gc) / requests)} µs`,
    `1 in ${collections ? round(requests / collections) : '∞'}`,
  ];
  return [
    [upload, String(connections), 'arena', ...figures(arena), targetOf(bytes, arena, usual)],
    [upload, String(connections), 'usual', ...figures(usual), ''],
  ];
}

/** For example "p99 0.52 ×, GC 14 × less: met". */
function targetOf(bytes, arena, usual) {
  const worse = arena.p99 / usual.p99;
  const less = usual.gc / usual.requests / (arena.gc / arena.requests);
  const figures = `p99 ${round(worse)} ×, GC ${Number.isFinite(less) ? `${round(less)} × less` : 'none'}`;
  if (bytes < LARGE) return figures;
  return `${figures}: ${worse <= NO_WORSE && less >= LESS_GC ? 'met' : 'not met'}`;
}

function titleOf({ runtime, cpu, date, duration, rounds }) {
  return `${date}, ${runtime}, ${cpu}: medians of ${rounds} runs of ${duration} s each`;
}

function notesOf({ load }) {
  const busy = `The machine was busy: ${load} processes a core. Distrust the times.`;
  return [CAVEAT, ...(load > BUSY ? [busy] : [])];
}

function round(value) {
  const digits = value < 2 ? 2 : value < 20 ? 1 : 0;
  return Number(value.toFixed(digits)).toLocaleString('en');
}

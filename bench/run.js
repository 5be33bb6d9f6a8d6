import { availableParallelism, loadavg } from 'node:os';
import { rounds as roundsOf } from './rows.js';

/**
 * Runs the subjects of the rows in rounds, A B C A B C …, so that a machine that slows down or is
 * busy for a while hits all of them.
 *
 * @param {(import('./rows.js').Row | import('./matrices.js').MatrixRow)[]} rows
 * @param {(subject: string) => object | Promise<object>} measure runs one: `value` and `unit`, and
 *   the `engine` and `runtime` that it ran in
 * @param {(done: string) => void} progress
 * @param {number} [limit] rounds at most, for a quick look
 */
export async function run(rows, measure, progress, limit = Infinity) {
  const subjects = [...new Set(rows.flatMap(subjectsOf))];
  const rounds = (subject) => Math.min(limit, roundsOf(subject));
  const measured = new Map(subjects.map((subject) => [subject, []]));
  const most = Math.max(...subjects.map(rounds));
  let host;
  for (let round = 0; round < most; round++) {
    for (const subject of subjects.filter((subject) => round < rounds(subject))) {
      progress(`round ${round + 1} of ${most}: ${subject}`);
      const { value, unit, more, ...rest } = await measure(subject);
      measured.get(subject).push({ value, unit, more });
      host = rest;
    }
  }
  progress('');
  const date = new Date().toISOString().slice(0, 10);
  const load = Number((loadavg()[0] / availableParallelism()).toFixed(1));
  const results = rows.map((row) => {
    const result = row.cells ? evaluateCells(row, measured) : evaluate(row, measured, host.engine);
    return { ...result, load };
  });
  return { ...host, date, rows: results };
}

const subjectsOf = ({ ours, peer, cells = {} }) =>
  [ours, peer, ...Object.values(cells)].filter(Boolean);

/** A matrix row: what each peer's subject measured, and what it measured besides. */
function evaluateCells({ name, what, cells }, measured) {
  const results = Object.entries(cells).map(([peer, subject]) => {
    const runs = measured.get(subject);
    const kinds = Object.keys(runs[0].more ?? {});
    const more = kinds.map((kind) => [kind, median(runs.map((run) => run.more[kind]))]);
    return [peer, { ...summary(runs.map(({ value }) => value)), ...Object.fromEntries(more) }];
  });
  return { name, what, unit: 'ns', cells: Object.fromEntries(results) };
}

function evaluate({ name, what, against, ours, peer, atLeast, atMost, below }, measured, engine) {
  const unit = measured.get(ours)[0].unit;
  const own = measured.get(ours).map(({ value }) => value);
  const result = { name, what, unit, ours: summary(own) };
  if (peer) {
    const other = measured.get(peer).map(({ value }) => value);
    const ratio = median(other.map((value, round) => value / own[round]));
    const bound = atLeast?.[engine];
    return { ...result, against, peer: summary(other), ratio, bound, met: bound && ratio >= bound };
  }
  const { value } = result.ours;
  return { ...result, bound: atMost, below, met: below ? value < atMost : value <= atMost };
}

/** Median, and the distance between the quartiles as a share of it. */
function summary(values) {
  const value = median(values);
  return { value, spread: value && (quantile(values, 0.75) - quantile(values, 0.25)) / value };
}

function median(values) {
  return quantile(values, 0.5);
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.ceil(at)] - sorted[low]) * (at - low);
}

import { availableParallelism, loadavg } from 'node:os';
import { rounds } from './rows.js';

/**
 * Runs the subjects of the rows in rounds, A B C A B C …, so that a machine that slows down or is
 * busy for a while hits all of them.
 *
 * @param {import('./rows.js').Row[]} rows
 * @param {(subject: string) => object | Promise<object>} measure runs one: `value` and `unit`, and
 *   the `engine` and `runtime` that it ran in
 * @param {(done: string) => void} progress
 */
export async function run(rows, measure, progress) {
  const subjects = [...new Set(rows.flatMap(({ ours, peer }) => [ours, peer]))].filter(Boolean);
  const measured = new Map(subjects.map((subject) => [subject, []]));
  const most = Math.max(...subjects.map(rounds));
  let host;
  for (let round = 0; round < most; round++) {
    for (const subject of subjects.filter((subject) => round < rounds(subject))) {
      progress(`round ${round + 1} of ${most}: ${subject}`);
      const { value, unit, ...rest } = await measure(subject);
      measured.get(subject).push({ value, unit });
      host = rest;
    }
  }
  progress('');
  const date = new Date().toISOString().slice(0, 10);
  const load = Number((loadavg()[0] / availableParallelism()).toFixed(1));
  const results = rows.map((row) => ({ ...evaluate(row, measured, host.engine), load }));
  return { ...host, date, rows: results };
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

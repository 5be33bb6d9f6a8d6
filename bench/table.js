import { matrixOf, METRICS, PEERS } from './matrices.js';

const HEAD = ['row', 'what', 'ours', '±', 'peer', '±', 'against', 'ratio', 'bound', ''];
const RIGHT = [false, false, true, true, true, true, false, true, true, false];

/** Processes a core that want to run, from which on times are doubtful. */
const BUSY = 2;

/** A run as text for a terminal: a table of rows, and one for each matrix and what it measures. */
export function textTable(run) {
  const rows = run.rows.filter(({ cells }) => !cells);
  const tables = [
    ...(rows.length ? [aligned([HEAD, ...rows.map(cells)], RIGHT)] : []),
    ...matricesOf(run).map(({ title, table }) => {
      const right = table[0].map((_, column) => column > 0);
      return `${title}\n${aligned(table, right)}`;
    }),
  ];
  const [{ load }] = run.rows;
  const warning = `The machine was busy: ${load} processes a core. Distrust the times.`;
  return [title(run), ...tables, ...(load > BUSY ? [warning] : [])].join('\n\n');
}

function aligned(table, right) {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const pad = (cell, column) =>
    right[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
  return table.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** The matrices of the runs in Markdown. */
export function markdownMatrices(runs) {
  return runs
    .flatMap((run) =>
      matricesOf(run).map(({ title: what, table: [head, ...lines] }) =>
        [`${title(run)}, ${what}:\n`, ...[head, head.map(dashes), ...lines].map(piped)].join('\n'),
      ),
    )
    .join('\n\n');
}

const dashes = (_, column) => (column ? '---:' : '---');
const piped = (line) => `| ${line.join(' | ')} |`;

/** Tables of peer × workload, ours first; a peer that can do none of it has no line. */
function matricesOf({ rows }) {
  const all = rows.filter(({ cells }) => cells);
  return [...new Set(all.map(matrixOf))].flatMap((matrix) => {
    const chosen = all.filter((row) => matrixOf(row) === matrix);
    const measured = METRICS.filter(([metric]) =>
      chosen.some(({ cells }) => Object.values(cells).some((cell) => cell[metric] >= 0)),
    );
    const mark = chosen.some(({ load }) => load > BUSY) ? ' †' : '';
    return measured.map(([metric, unit, what]) => {
      const lines = Object.entries(PEERS)
        .filter(([peer]) => chosen.some(({ cells }) => cells[peer]))
        .map(([peer, name]) => [
          name,
          ...chosen.map(({ cells }) => cell(cells[peer], metric, unit)),
        ]);
      const head = ['', ...chosen.map(({ what }) => what)];
      return { title: `${matrix}: ${what}${mark}`, table: [head, ...lines] };
    });
  });
}

function cell(found, metric, unit) {
  const value = found?.[metric];
  return value === undefined || value === null ? '–' : amount(value, unit);
}

/** Several runs as one Markdown table: a row's ratio or figure in each of them. */
export function markdownTable(all) {
  const runs = all.map((run) => ({ ...run, rows: run.rows.filter(({ cells }) => !cells) }));
  const names = [...new Set(runs.flatMap(({ rows }) => rows.map(({ name }) => name)))];
  const lines = names.map((name) => {
    const found = runs.map(({ rows }) => rows.find((row) => row.name === name));
    const { what, against } = found.find(Boolean);
    return [`\`${name}\``, against ? `${what} vs ${against}` : what, ...found.map(brief)];
  });
  const head = ['row', 'what', ...runs.map(title)];
  return [head, head.map(() => '---'), ...lines]
    .map((line) => `| ${line.join(' | ')} |`)
    .join('\n');
}

function title({ runtime, engine }) {
  return `${runtime} (${engine})`;
}

function cells(row) {
  const { name, what, ours, peer, against = '', ratio } = row;
  return [
    name,
    what,
    amount(ours.value, row.unit),
    percent(ours.spread),
    peer ? amount(peer.value, row.unit) : '',
    peer ? percent(peer.spread) : '',
    against,
    ratio ? `${round(ratio)} ×` : '',
    bound(row),
    verdict(row),
  ];
}

/** For example "5.4 × (3.9 against 21 ns); ≥ 5: met", and † where the machine was busy. */
function brief(row) {
  if (!row) return '–';
  const { ours, peer, unit, ratio } = row;
  const figure = peer
    ? `${round(ratio)} × (${round(ours.value)} against ${amount(peer.value, unit)})`
    : amount(ours.value, unit);
  const mark = row.load > BUSY && ['ns', 'ms'].includes(unit) ? ' †' : '';
  const met = row.bound === undefined ? '' : `; ${bound(row)}: ${row.met ? 'met' : '**not met**'}`;
  return figure + mark + met;
}

function bound({ bound, ratio, below }) {
  if (bound === undefined) return '';
  return `${ratio ? '≥' : below ? '<' : '≤'} ${bound.toLocaleString('en')}`;
}

function verdict({ bound, met }) {
  return bound === undefined ? '' : met ? 'met' : 'not met';
}

function amount(value, unit) {
  return `${round(value)} ${unit}`;
}

function round(value) {
  const digits = value < 2 ? 2 : value < 20 ? 1 : 0;
  return Number(value.toFixed(digits)).toLocaleString('en');
}

function percent(share) {
  return share ? `${Math.round(share * 100)} %` : '';
}

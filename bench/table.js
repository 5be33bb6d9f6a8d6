const HEAD = ['row', 'what', 'ours', '±', 'peer', '±', 'against', 'ratio', 'bound', ''];
const RIGHT = [false, false, true, true, true, true, false, true, true, false];

/** Processes a core that want to run, from which on times are doubtful. */
const BUSY = 2;

/** A run as text for a terminal. */
export function textTable(run) {
  const table = [HEAD, ...run.rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const pad = (cell, column) =>
    RIGHT[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
  const lines = table.map((row) => row.map(pad).join('  ').trimEnd());
  const [{ load }] = run.rows;
  const warning = `The machine was busy: ${load} processes a core. Distrust the times.`;
  return [title(run), ...lines, ...(load > BUSY ? [warning] : [])].join('\n');
}

/** Several runs as one Markdown table: a row's ratio or figure in each of them. */
export function markdownTable(runs) {
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

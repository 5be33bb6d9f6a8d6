/** How far a ratio may be from the committed one: a machine that others use moves them by 10 %. */
const MOVED = 0.25;

/** Times depend on the machine, and so only their ratios are compared. */
const TIMES = ['ns', 'µs', 'ms'];

/**
 * What differs from the committed results of the same runtime: ratios to the peers, and figures
 * that are no times.
 *
 * @param {{ runtime: string, rows: any[] }} run
 * @param {{ runtime: string, rows: any[] }[]} committed
 * @returns {string[]} a line for each that moved by more than 25 %
 */
export function moved({ runtime, rows }, committed) {
  const before = committed.find((run) => run.runtime === runtime);
  if (!before) return [`${runtime}: bench/results.json has none of it`];
  return rows.flatMap((row) => {
    const old = before.rows.find(({ name }) => name === row.name);
    if (!old) return [`${row.name}: bench/results.json doesn't have it`];
    const figures = figuresOf(row);
    return Object.entries(figuresOf(old)).flatMap(([name, figure]) => {
      const now = figures[name];
      const isNear = now === figure || Math.abs(now / figure - 1) <= MOVED;
      return isNear ? [] : [`${name}: ${round(now)}, was ${round(figure)}`];
    });
  });
}

/** By name: what of a row is comparable between two runs. */
function figuresOf({ name, unit, ours, ratio, cells }) {
  if (cells) {
    const own = cells.arena.value;
    const others = Object.entries(cells).filter(([peer]) => peer !== 'arena');
    return Object.fromEntries(others.map(([peer, { value }]) => [`${name}: ${peer}`, value / own]));
  }
  if (ratio) return { [name]: ratio };
  return TIMES.includes(unit) ? {} : { [name]: ours.value };
}

const round = (value) => (value === undefined ? 'nothing' : Number(value.toPrecision(4)));

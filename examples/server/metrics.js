/** Prometheus's text format of what `stats()` counts. */

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Name, type, help, and which of the statistics it is. */
const METRICS = [
  ['live', 'gauge', 'Arenas that are in use.', ({ live }) => live],
  ['orphaned', 'gauge', 'Arenas in use whose response is closed.', ({ orphaned }) => orphaned],
  ['waiting', 'gauge', 'Requests that wait for an arena.', ({ waiting }) => waiting],
  ['peak', 'gauge', 'The most arenas that were in use at once.', ({ peak }) => peak],
  ['served_total', 'counter', 'Arenas that were given back.', ({ served }) => served],
  ['refused_total', 'counter', 'Requests that got no arena.', ({ refused }) => refused],
  ['limited_total', 'counter', 'Allocations that were refused.', ({ limited }) => limited],
  ['growths_total', 'counter', 'How often the memory grew.', ({ growths }) => growths],
  [
    'frontier_bytes',
    'gauge',
    'The end of all that was ever in use.',
    ({ memory }) => memory.frontier,
  ],
  ['memory_live_bytes', 'gauge', 'What arenas hold.', ({ memory }) => memory.live],
  ['memory_maximum_bytes', 'gauge', 'What the memory can grow to.', ({ memory }) => memory.maximum],
];
const QUANTILES = { p50: '0.5', p95: '0.95', p99: '0.99' };

/**
 * @param {import('../../js/node.js').RequestArenas} arenas
 * @returns {string}
 */
export function metricsOf(arenas) {
  const stats = arenas.stats();
  const label = `arenas="${escape(arenas.label)}"`;
  const samples = METRICS.flatMap(([name, type, help, value]) => [
    ...head(name, type, help),
    `wasm_arena_${name}{${label}} ${value(stats)}`,
  ]);
  const quantiles = Object.entries(QUANTILES).map(
    ([name, quantile]) =>
      `wasm_arena_used_bytes{${label},quantile="${quantile}"} ${stats.bytes[name]}`,
  );
  const lines = [
    ...samples,
    ...head('used_bytes', 'summary', 'The most that an arena had in use at once.'),
    ...quantiles,
    `wasm_arena_used_bytes_count{${label}} ${stats.served}`,
  ];
  return `${lines.join('\n')}\n`;
}

function head(name, type, help) {
  return [`# HELP wasm_arena_${name} ${help}`, `# TYPE wasm_arena_${name} ${type}`];
}

function escape(text) {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

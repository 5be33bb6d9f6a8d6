/**
 * `npm run charts`: draws the matrices of bench/results.json, light and dark, into docs/images/.
 *
 *   npm run charts                            as the first runtime has them
 *   npm run charts -- 'Node.js 26.10.0'       as another one has them
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'node:util';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { matrixOf, PEERS } from '../bench/matrices.js';

const OURS = ['arena', 'fixedBuffer', 'pool', 'heap'];
const TITLES = {
  peers: 'Nanoseconds an operation, blocks given back: %s',
  trace: 'Nanoseconds an operation of a recorded trace: %s',
};
const THEMES = {
  light: { text: '#1f2328', lines: '#d1d9e0', ours: '#0969da', others: '#59636e' },
  dark: { text: '#f0f6fc', lines: '#3d444d', ours: '#4493f8', others: '#9198a1' },
};
const FONT = 'system-ui, sans-serif';
const WIDTH = 560;
const HEIGHT_OF_A_PEER = 18;

const runs = JSON.parse(readFileSync(new URL('../bench/results.json', import.meta.url), 'utf8'));

for (const matrix of Object.keys(TITLES)) {
  const { runtime, rows } = runWith(matrix);
  for (const [theme, colours] of Object.entries(THEMES)) {
    const view = new View(parse(compile(chart(matrix, runtime, rows, colours)).spec));
    const svg = slim(await view.toSVG());
    const file = new URL(`../docs/images/${matrix}-${theme}.svg`, import.meta.url);
    writeFileSync(file, `${svg}\n`);
    console.log(`docs/images/${matrix}-${theme}.svg: ${svg.length + 1} bytes`);
  }
}

/** The run that was named, or else the first one that has rows of the matrix. */
function runWith(matrix) {
  const [named] = process.argv.slice(2);
  const run = runs
    .filter(({ runtime }) => !named || runtime === named)
    .map(({ runtime, rows }) => {
      return { runtime, rows: rows.filter((row) => row.cells && matrixOf(row) === matrix) };
    })
    .find(({ rows }) => rows.length);
  if (!run) throw new Error(`bench/results.json has none: npm run bench -- ${matrix} --save`);
  return run;
}

/** Without the attributes that a picture can do without, and the font of each text. */
function slim(svg) {
  return svg
    .replace(/ (class|role|aria-[a-z]+|pointer-events|opacity)="[^"]*"/g, '')
    .replace(/ font-family="[^"]*"/g, '')
    .replace('<svg ', `<svg font-family="${FONT}" `);
}

/** Dots on a logarithmic scale, which has no zero for a bar to begin at. */
function chart(matrix, runtime, rows, { text, lines, ours, others }) {
  const values = rows.flatMap(({ what, cells }) =>
    Object.entries(cells).map(([peer, { value }]) => {
      const label = value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
      return { what, peer: PEERS[peer], value, label, isOurs: OURS.includes(peer) };
    }),
  );
  const peers = Object.values(PEERS).filter((name) => values.some(({ peer }) => peer === name));
  return {
    title: { text: format(TITLES[matrix], runtime), anchor: 'start', color: text, fontSize: 13 },
    data: { values },
    facet: {
      column: {
        field: 'what',
        sort: rows.map(({ what }) => what),
        title: null,
        header: { labelColor: text },
      },
    },
    spec: {
      width: Math.round(WIDTH / rows.length),
      height: HEIGHT_OF_A_PEER * peers.length,
      encoding: {
        y: { field: 'peer', type: 'nominal', sort: peers, title: null },
        x: {
          field: 'value',
          type: 'quantitative',
          scale: { type: 'log' },
          title: null,
          axis: { values: [1, 10, 100, 1000], format: '~s' },
        },
        color: {
          field: 'isOurs',
          type: 'nominal',
          scale: { domain: [true, false], range: [ours, others] },
          legend: null,
        },
      },
      layer: [
        { mark: { type: 'circle', size: 60, opacity: 1 } },
        {
          mark: { type: 'text', align: 'left', dx: 7, fontSize: 10 },
          encoding: { text: { field: 'label' } },
        },
      ],
    },
    config: {
      aria: false, // the picture's text is in the page that shows it
      background: 'transparent',
      font: FONT,
      view: { stroke: lines },
      axis: {
        labelColor: text,
        labelLimit: 200,
        gridColor: lines,
        domainColor: lines,
        ticks: false,
      },
      facet: { spacing: 10 },
    },
  };
}

/**
 * Production builds of a page, by what the bundlers do of themselves. They are told where the page is
 * and where its build goes, and nothing of WebAssembly.
 *
 * @typedef {object} Bundler
 * @property {string} name
 * @property {string} version
 * @property {string} needs what a user installs beside it
 * @property {(from: string, to: string) => Promise<string[]>} build makes of a page's folder one
 *   that a static host can serve; returns the warnings
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, parse, relative } from 'node:path';
import { promisify } from 'node:util';
import resolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import * as esbuild from 'esbuild';
import { VERSION, rollup } from 'rollup';
import * as vite from 'vite';
import webpack from 'webpack';
import { addDocument, scriptsOf } from './project.js';

/** What needs no build. */
export const PLAIN = { name: 'plain', build: copy };

/** @type {Bundler[]} */
export const BUNDLERS = [
  { name: 'Vite', version: vite.version, needs: 'nothing', build: buildByVite },
  { name: 'webpack', version: webpack.version, needs: 'nothing', build: buildByWebpack },
  {
    name: 'Rollup',
    version: VERSION,
    needs: '`@rollup/plugin-node-resolve`, as for any npm package',
    build: buildByRollup,
  },
  { name: 'esbuild', version: esbuild.version, needs: 'nothing', build: buildByEsbuild },
];

async function buildByVite(from, to) {
  const warnings = [];
  const customLogger = vite.createLogger('warn');
  customLogger.warn = (message) => warnings.push(message);
  const others = scriptsOf(from).filter((name) => name !== 'index.js');
  await vite.build({
    root: from,
    base: './',
    configFile: false,
    logLevel: 'warn',
    customLogger,
    build: {
      outDir: to,
      emptyOutDir: true,
      rolldownOptions: {
        input: ['index.html', ...others].map((name) => join(from, name)),
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  return warnings;
}

async function buildByWebpack(from, to) {
  const scripts = scriptsOf(from);
  const entry = Object.fromEntries(scripts.map((name) => [parse(name).name, `./${name}`]));
  const stats = await promisify(webpack)({
    mode: 'production',
    context: from,
    entry,
    output: { path: to },
  });
  addDocument(to);
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  return [...errors, ...warnings].map(({ message }) => message);
}

/* Rollup by itself neither knows node_modules nor minifies. */
async function buildByRollup(from, to) {
  const warnings = [];
  const bundle = await rollup({
    input: scriptsOf(from).map((name) => join(from, name)),
    plugins: [resolve(), terser()],
    onwarn: ({ message }) => warnings.push(message),
  });
  await bundle.write({ dir: to });
  await bundle.close();
  addDocument(to);
  return warnings;
}

async function buildByEsbuild(from, to) {
  const { warnings } = await esbuild.build({
    entryPoints: scriptsOf(from).map((name) => join(from, name)),
    outdir: to,
    bundle: true,
    format: 'esm',
    minify: true,
    logLevel: 'silent',
  });
  addDocument(to);
  return warnings.map(({ text }) => text);
}

/* For the names of the modules, which no browser knows, it puts their places in the package. */
async function copy(from, to) {
  const folder = join(from, '../node_modules/wasm-arena');
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const place = (entry) => relative(to, join(folder, exports[entry].default));
  for (const script of scriptsOf(from)) {
    const text = readFileSync(join(from, script), 'utf8');
    const placed = text.replaceAll(/'wasm-arena(.*?)'/g, (_, rest) => `'${place(`.${rest}`)}'`);
    writeFileSync(join(to, script), placed);
  }
  addDocument(to);
  return [];
}

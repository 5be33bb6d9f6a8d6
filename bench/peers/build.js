/**
 * Builds emscripten.wasm from emscripten.c, and writes emscripten.json beside it: what made it.
 *
 *   node bench/peers/build.js
 *
 * The .wasm is committed, so that the benchmark runs without Emscripten.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));

const flags = [
  '-O3',
  '--no-entry',
  '-sSTANDALONE_WASM',
  '-sMALLOC=dlmalloc',
  '-sALLOW_MEMORY_GROWTH', // as every program that does not know its input sets it
];
execFileSync('emcc', [...flags, at('emscripten.c'), '-o', at('emscripten.wasm')]);

const sha256 = (name) =>
  createHash('sha256')
    .update(readFileSync(at(name)))
    .digest('hex');
const note = {
  toolchain: execFileSync('emcc', ['--version'], { encoding: 'utf8' }).split('\n')[0],
  flags: flags.join(' '),
  'emscripten.c': sha256('emscripten.c'),
  'emscripten.wasm': sha256('emscripten.wasm'),
};
writeFileSync(at('emscripten.json'), `${JSON.stringify(note, null, 2)}\n`);

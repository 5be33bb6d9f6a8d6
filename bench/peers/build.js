/**
 * Builds the peers that are C: emscripten.wasm, dlmalloc.wasm and emmalloc.wasm, and writes
 * peers.json beside them: what made them.
 *
 *   node bench/peers/build.js
 *
 * The .wasm files are committed, so that the benchmark runs without Emscripten.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const sha256 = (name) =>
  createHash('sha256')
    .update(readFileSync(at(name)))
    .digest('hex');

const common = [
  '--no-entry',
  '-sSTANDALONE_WASM',
  '-sALLOW_MEMORY_GROWTH', // as every program that does not know its input sets it
];
/* The mallocs have the flags of our own modules, and room for 4 GiB, as ours has. */
const ours = ['-Oz', '-mbulk-memory', '-sMAXIMUM_MEMORY=4GB'];

const note = { toolchain: run('--version').split('\n')[0] };
build('emscripten', 'emscripten.c', ['-O3', '-sMALLOC=dlmalloc']);
build('dlmalloc', 'malloc.c', [...ours, '-sMALLOC=dlmalloc']);
build('emmalloc', 'malloc.c', [...ours, '-sMALLOC=emmalloc']);
writeFileSync(at('peers.json'), `${JSON.stringify(note, null, 2)}\n`);

function build(name, source, flags) {
  const all = [...flags, ...common];
  run(...all, at(source), '-o', at(`${name}.wasm`));
  note[name] = { flags: all.join(' '), source: sha256(source), wasm: sha256(`${name}.wasm`) };
}

function run(...args) {
  return execFileSync('emcc', args, { encoding: 'utf8' });
}

/**
 * Builds the peers that are wasm and writes peers.json beside them: what made them.
 *
 *   node bench/peers/build.js                     all of them
 *   node bench/peers/build.js assemblyscript      only what is named
 *
 * The .wasm files are committed, so that the benchmark runs without Emscripten and AssemblyScript.
 * emcc is the system's, the AssemblyScript compiler that of `npm run tools`.
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

const emcc = [
  '--no-entry',
  '-sSTANDALONE_WASM',
  '-sALLOW_MEMORY_GROWTH', // as every program that does not know its input sets it
];
/* The mallocs have the flags of our own modules, and room for 4 GiB, as ours has. */
const ours = ['-Oz', '-mbulk-memory', '-sMAXIMUM_MEMORY=4GB'];

const EMCC = ['emcc'];
const ASC = [process.execPath, at('../../tools/node_modules/assemblyscript/bin/asc.js')];

const peers = {
  emscripten: [EMCC, 'emscripten.c', ['-O3', '-sMALLOC=dlmalloc', ...emcc]],
  dlmalloc: [EMCC, 'malloc.c', [...ours, '-sMALLOC=dlmalloc', ...emcc]],
  emmalloc: [EMCC, 'malloc.c', [...ours, '-sMALLOC=emmalloc', ...emcc]],
  assemblyscript: [ASC, 'assemblyscript.ts', ['-O3', '--runtime', 'stub', '--use', 'abort=']],
};

const note = JSON.parse(readFileSync(at('peers.json'), 'utf8'));
const names = process.argv.slice(2);
for (const name of names.length ? names : Object.keys(peers)) build(name, ...peers[name]);
writeFileSync(at('peers.json'), `${JSON.stringify(note, null, 2)}\n`);

function build(name, compiler, source, flags) {
  run(compiler, [...flags, at(source), '-o', at(`${name}.wasm`)]);
  const [version] = run(compiler, ['--version']).split('\n');
  const toolchain = version.replace(/^Version/, 'AssemblyScript');
  const hashes = { source: sha256(source), wasm: sha256(`${name}.wasm`) };
  note[name] = { toolchain, flags: flags.join(' '), ...hashes };
}

function run([command, ...first], args) {
  return execFileSync(command, [...first, ...args], { encoding: 'utf8' });
}

/**
 * The native core against the wasm modules: what a program did through the exports is recorded and
 * done again by the same sources, compiled for this machine.
 *
 * For 32 bits, because chunks and headers are as big there as in wasm, and so every offset, counter
 * and byte has to be the same, growth included; with 64 bits none would be. GCC needs gcc-multilib
 * for that, and a processor that runs i386.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './program.js';
import { CHUNKS_FROM, rawWorld, SIGNATURES } from './raw.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, 'build/differential');

export const HOW_TO_INSTALL = 'apt-get install gcc-multilib';

/** What the modules of js/ are made of; exports.c and CMakeLists.txt say the same. */
const SHARED = ['memory', 'chunk', 'arena'];
const LIBRARIES = {
  first: ['-DWASM_ARENA_MEMORY_ONLY', ...sources('exports', ...SHARED)],
  second: sources('allocators', ...SHARED, 'backing', 'fixed_buffer', 'heap', 'pool', 'tracking'),
};

const NAMES = Object.keys(SIGNATURES);
const KINDS = { v: 0, b: 1, n: 2, p: 3 };
const COMMANDS = { step: 0, call: 1, load: 2, store: 3, sum: 4, fill: 5, grow: 6 };

function sources(...names) {
  return names.map((name) => join(ROOT, 'src', `${name}.c`));
}

/** Whether this machine can compile and run a program of 32 bits. */
export function hasNative() {
  mkdirSync(FOLDER, { recursive: true });
  const probe = join(FOLDER, 'probe');
  const options = { input: '#include <stdio.h>\nint main(void) { return puts("32") < 0; }\n' };
  const compiled = spawnSync('gcc', ['-m32', '-x', 'c', '-o', probe, '-'], options);
  return compiled.status === 0 && spawnSync(probe).status === 0;
}

/** Compiles what `replay` needs; throws with what the compiler says. */
export function buildNative() {
  mkdirSync(FOLDER, { recursive: true });
  const flags = ['-m32', '-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-Wno-attributes'];
  const library = ['-fPIC', '-shared', '-Wl,-z,defs', `-Wl,--defsym=__heap_base=${CHUNKS_FROM}`];
  for (const [name, inputs] of Object.entries(LIBRARIES)) {
    compile([...flags, ...library, '-o', join(FOLDER, `${name}.so`), ...inputs]);
  }
  const replay = fileURLToPath(new URL('replay.c', import.meta.url));
  compile([...flags, '-no-pie', '-rdynamic', '-o', join(FOLDER, 'replay'), replay, '-ldl']);
}

function compile(args) {
  execFileSync('gcc', args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/**
 * Runs the program of a seed through the exports, and again natively.
 *
 * @param {number} seed
 * @param {number} steps
 * @returns {string} what differs first; '' where nothing does
 */
export function replay(seed, steps) {
  const recorder = new Recorder();
  run(rawWorld(recorder), seed, steps);
  const libraries = Object.keys(LIBRARIES).map((name) => join(FOLDER, `${name}.so`));
  const input = Buffer.from(Uint32Array.from(recorder.words).buffer);
  const { status, stdout, stderr } = spawnSync(join(FOLDER, 'replay'), [...libraries, ...NAMES], {
    input,
    encoding: 'utf8',
  });
  if (status === 0) return '';
  const [, step] = /^step (\d+)/.exec(stdout) ?? [];
  const log = [];
  run(rawWorld(new Recorder()), seed, steps, log);
  return `${stdout}${stderr}${log[step] ?? ''}`;
}

/** Writes down what a world does with the modules, as words that replay.c reads. */
class Recorder {
  constructor() {
    this.words = [];
  }

  begin({ state, initial, maximum }) {
    this.words.push(state, initial, maximum);
  }

  step(number) {
    this.words.push(COMMANDS.step, number);
  }

  call(name, args, value) {
    const [kind, ...types] = SIGNATURES[name];
    const addresses = types.reduce((bits, type, i) => bits | (Number(type === 'p') << i), 0);
    const index = NAMES.indexOf(name);
    this.words.push(COMMANDS.call, index, KINDS[kind], value, args.length, addresses, ...args);
  }

  load(address, value) {
    this.words.push(COMMANDS.load, address, value);
  }

  store(address, value) {
    this.words.push(COMMANDS.store, address, value);
  }

  sum(ptr, size, value) {
    this.words.push(COMMANDS.sum, ptr, size, value);
  }

  fill(ptr, size, byte) {
    this.words.push(COMMANDS.fill, ptr, size, byte);
  }

  grow(pages) {
    this.words.push(COMMANDS.grow, pages);
  }
}

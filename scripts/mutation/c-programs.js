/**
 * The native test programs, built without CMake: with all mutants of functions in them, or so that one
 * changed file costs few milliseconds. The library is a shared object, and what does not include the
 * file is as it was.
 */
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SELECTOR, writeSchemata } from './c-schemata.js';

/** @import { Mutant } from './c-mutants.js' */

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} executable the test that it runs
 * @property {string[]} arguments
 * @property {number} [took] how long it takes where nothing is broken, in ms
 */

/** What the random programs of model_test begin with: each is a program of its own here. */
const MODEL_SEEDS = [1, 2, 3];

/** A mutant is killed that takes so many times as long as the tests do, and a second. */
const PATIENCE = 10;

/** ... and where nobody knows yet how long that is, in ms. */
const PATIENCE_AT_FIRST = 600_000;

/** KiB that a program may have: a mutant that allocates without an end is not to take all. */
const MEMORY_MOST = 8 * 2 ** 20;

const WARNINGS = ['-w', '-Werror=int-conversion', '-Werror=incompatible-pointer-types'];
const PLAIN = { library: ['-O0'], tests: ['-O1'], link: [] };
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const SANITIZED = {
  library: ['-O1', ...SANITIZE],
  tests: ['-O1', ...SANITIZE],
  link: SANITIZE,
  unlimited: true, // AddressSanitizer reserves 16 TiB
};

/** Found by its name in LD_LIBRARY_PATH. */
const LIBRARY = 'libwasm_arena.so';

/** look_test has a second copy of what is in the library. */
const ASAN_OPTIONS = 'detect_odr_violation=0';

const run = promisify(execFile);

/** The names of the library's C files, as CMakeLists.txt lists them. */
export function librarySources(root) {
  const [, list] = /add_library\(wasm_arena STATIC ([^)]*)\)/.exec(
    readFileSync(join(root, 'CMakeLists.txt'), 'utf8'),
  );
  return list
    .trim()
    .split(/\s+/)
    .map((path) => basename(path));
}

/** The test programs in one folder, of the sources in `src` there, a copy of the repository's. */
export class Programs {
  /**
   * @param {string} root the repository
   * @param {string} folder
   * @param {boolean} sanitized
   * @param {Mutant[]} mutants what they have in them, to be selected; none: the source as it is
   */
  constructor(root, folder, sanitized, mutants) {
    this.root = root;
    this.folder = folder;
    this.flags = sanitized ? SANITIZED : PLAIN;
    this.mutants = mutants;
    /** @type {Set<Mutant>} those that do not compile */
    this.invalid = new Set();
    this.tests = join(root, 'test/native');
    this.library = librarySources(root);
    const cmake = readFileSync(join(this.tests, 'CMakeLists.txt'), 'utf8');
    const list = (pattern) => pattern.exec(cmake)[1].trim().split(/\s+/);
    this.harness = list(/add_library\(harness STATIC ([^)]*)\)/);
    this.model = list(/add_library\(program STATIC ([^)]*)\)/);
    this.executables = list(/set\(tests ([^)]*)\)/);
    /** @type {Program[]} */
    this.programs = this.executables.flatMap((executable) =>
      executable === 'model_test'
        ? MODEL_SEEDS.map((seed) => program(executable, `${seed}`))
        : [program(executable)],
    );
    /** @type {Map<string, Set<string>>} of each object, the files in src/ that it is made from */
    this.includes = new Map();
  }

  /** Builds everything, and sees how long each program takes; once. */
  ready() {
    this.built ??= this.build();
    return this.built;
  }

  async build() {
    mkdirSync(this.folder, { recursive: true });
    const src = join(this.folder, 'src');
    cpSync(join(this.root, 'src'), src, { recursive: true });
    if (this.mutants.length) {
      const flags = (header) => this.compilerFlags(src, header);
      this.invalid = writeSchemata(src, this.mutants, flags, this.library);
      this.header = join(src, 'mutation.h');
      this.library.push(SELECTOR);
    }
    const sources = [...this.library, ...this.harness, ...this.model, ...this.executables.map(c)];
    await inParallel(availableParallelism(), sources, (source) => this.compile(source, true));
    await this.linkLibrary(this.folder, () => this.folder);
    await inParallel(availableParallelism(), this.executables, (name) =>
      this.link(this.folder, name, () => this.folder),
    );
    for (const each of this.programs) {
      const start = performance.now();
      if (!(await this.passes(each, this.folder, this.folder, PATIENCE_AT_FIRST))) {
        throw new Error(`${each.name} fails as it is`);
      }
      each.took = performance.now() - start;
    }
  }

  /**
   * Runs the programs in this order until one fails with a mutant that they have in them.
   *
   * @param {Mutant} mutant
   * @param {Program[]} order
   * @returns {Promise<Program | 'invalid' | null>} who failed; `invalid` where it does not compile
   */
  async killSelected(mutant, order) {
    if (this.invalid.has(mutant)) return 'invalid';
    const selected = this.mutants.indexOf(mutant) + 1;
    for (const each of order) {
      const { folder } = this;
      if (!(await this.passes(each, folder, folder, this.patience(each), selected))) return each;
    }
    return null;
  }

  /**
   * Runs the programs in this order until one fails with a changed file.
   *
   * @param {Mutant} mutant which has been written to `src` in `folder`
   * @param {Program[]} order
   * @param {string} folder
   * @returns {Promise<Program | 'invalid' | null>} as above
   */
  async killWritten(mutant, order, folder) {
    const changed = new Set();
    const affected = (source) => this.includes.get(source).has(mutant.file);
    const where = (source) => (changed.has(source) ? folder : this.folder);
    const compile = async (sources) => {
      const stale = sources.filter((source) => affected(source) && !changed.has(source));
      for (const source of stale) {
        await this.compile(source, false, folder);
        changed.add(source);
      }
    };
    try {
      await compile(this.library);
      await this.linkLibrary(folder, where);
      for (const each of order) {
        const objects = this.objectsOf(each.executable);
        await compile(objects);
        const linked = objects.some((source) => changed.has(source));
        if (linked) await this.link(folder, each.executable, where);
        const executables = linked ? folder : this.folder;
        if (!(await this.passes(each, executables, folder, this.patience(each)))) return each;
      }
    } catch (error) {
      if (error instanceof CompileError) return 'invalid';
      throw error;
    }
    return null;
  }

  patience({ took }) {
    return PATIENCE * took + 1000;
  }

  objectsOf(executable) {
    const model = executable === 'model_test' ? this.model : [];
    return [c(executable), ...this.harness, ...model];
  }

  /** @param {string} source @param {boolean} first notes what it includes @param {string} folder */
  async compile(source, first, folder = this.folder) {
    const isLibrary = this.library.includes(source);
    const src = join(folder, 'src');
    const flags = ['-c', ...this.compilerFlags(src, this.header)];
    flags.push(...(isLibrary ? ['-fPIC', ...this.flags.library] : this.flags.tests));
    if (!isLibrary) flags.push('-D_GNU_SOURCE');
    if (first) flags.push('-MMD', '-MF', join(folder, `${source}.d`));
    const path = join(isLibrary ? src : this.tests, source);
    await compiler([...flags, path, '-o', join(folder, `${source}.o`)]);
    if (!first) return;
    const dependencies = readFileSync(join(folder, `${source}.d`), 'utf8').split(/[\s\\]+/);
    const files = dependencies.filter((file) => resolve(file, '..') === resolve(src));
    this.includes.set(source, new Set(files.map((file) => basename(file))));
  }

  /** @param {string} src @param {string} [header] to include by force, with many functions then */
  compilerFlags(src, header) {
    const flags = ['-std=gnu11', '-g0', ...WARNINGS, '-I', src];
    return header ? [...flags, '-include', header, '-Dalways_inline='] : flags;
  }

  async linkLibrary(folder, where) {
    const objects = this.library.map((source) => join(where(source), `${source}.o`));
    const flags = ['-shared', '-fuse-ld=lld', `-Wl,-soname,${LIBRARY}`];
    await compiler([...flags, ...objects, '-o', join(folder, LIBRARY)]);
  }

  async link(folder, executable, where) {
    const [test, ...rest] = this.objectsOf(executable).map((source) =>
      join(where(source), `${source}.o`),
    );
    const flags = ['-fuse-ld=lld', ...this.flags.link, '-o', join(folder, executable)];
    const asArchive = ['-Wl,--start-lib', ...rest, '-Wl,--end-lib']; // as a program has them in CMake
    await compiler([...flags, test, ...asArchive, join(this.folder, LIBRARY)]);
  }

  /** Whether the program does not fail, with this executable and this library, nor takes too long. */
  passes({ executable, arguments: rest }, executables, library, patience, mutation = 0) {
    const limit = this.flags.unlimited ? '' : `ulimit -v ${MEMORY_MOST}; `;
    const command = ['-c', `ulimit -c 0; ${limit}exec "$0" "$@"`, join(executables, executable)];
    const child = spawn('sh', [...command, ...rest], {
      env: { ...process.env, LD_LIBRARY_PATH: library, ASAN_OPTIONS, MUTATION: `${mutation}` },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true, // a group of its own, because claims run in processes of their own
    });
    running.add(child);
    return new Promise((done, failed) => {
      let failure = false;
      const giveUp = () => {
        failure = true;
        end(child);
      };
      const timer = setTimeout(giveUp, patience);
      let line = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        line = (line + text).slice(-2000);
        if (line.includes('\n    NO')) giveUp();
      });
      child.on('error', failed);
      child.on('close', (status) => {
        clearTimeout(timer);
        running.delete(child);
        done(!failure && status === 0);
      });
    });
  }
}

/** Programs that run: one with a mutant in it may run for ever. */
const running = new Set();
process.on('exit', () => running.forEach(end));

/** Ends a program, and the processes that its claims run in. */
function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** A folder where mutants are written into the source. */
export function makeWorkplace(root, folder) {
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true });
}

/**
 * Knows the machine code of the library and of all inline functions: a mutant that has the same is no
 * mutant.
 */
export class Code {
  /** @param {Programs} programs which are built @param {string} folder a workplace, left as it is */
  constructor(programs, folder) {
    this.programs = programs;
    this.folder = folder;
    /** @type {Map<string, Buffer>} */
    this.objects = new Map();
  }

  /** Whether the mutant, which has been written to `src` in `folder`, changes no instruction. */
  async isSame(mutant, folder) {
    const { library, includes } = this.programs;
    for (const source of library.filter((name) => includes.get(name).has(mutant.file))) {
      if (!this.objects.has(source)) {
        this.objects.set(source, await optimised(source, this.folder));
      }
      const object = await optimised(source, folder);
      if (!object.equals(this.objects.get(source))) return false;
    }
    return true;
  }
}

/** The object of a library's source, with each inline function in it. */
async function optimised(source, folder) {
  const object = join(folder, `${source}.optimised.o`);
  const flags = ['-std=gnu11', '-g0', '-c', '-w', '-O2', '-Dinline=inline __attribute__((used))'];
  const place = ['-I', '.', source, '-o', object];
  await run('clang', [...flags, ...place], { cwd: join(folder, 'src') });
  return readFileSync(object);
}

/** Writes the mutant's file, and returns a function that writes it as it was. */
export function write(mutant, folder) {
  const path = join(folder, 'src', mutant.file);
  const text = readFileSync(path, 'latin1');
  writeFileSync(
    path,
    text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end),
    'latin1',
  );
  return () => writeFileSync(path, text, 'latin1');
}

class CompileError extends Error {}

async function compiler(flags) {
  try {
    await run('clang', flags);
  } catch (error) {
    throw new CompileError(error.stderr, { cause: error });
  }
}

/** Does the job for each item, so many at once. */
export async function inParallel(jobs, items, job) {
  const queue = [...items].reverse();
  const work = async (worker) => {
    while (queue.length) await job(queue.pop(), worker);
  };
  await Promise.all(Array.from({ length: jobs }, (_, worker) => work(worker)));
}

/** @returns {Program} */
function program(executable, ...rest) {
  return { name: [executable, ...rest].join(' '), executable, arguments: rest };
}

const c = (executable) => `${executable}.c`;

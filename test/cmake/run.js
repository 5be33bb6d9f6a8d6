/**
 * Uses the C library as other projects do: packs the package, builds programs against it, once by
 * add_subdirectory out of node_modules and once by find_package after an install, for wasm and for
 * this machine, and runs them. Natively they run under AddressSanitizer and UBSan.
 *
 *   node test/cmake/run.js
 *
 * It needs CMake, Emscripten, and a C and a C++ compiler; .ci/run calls it, `npm test` does not.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'wasm-arena with spaces '));
const installed = join('lib', 'cmake', 'wasm_arena');
const warnings = ['-Wall', '-Wextra', '-Wconversion', '-Wpedantic', '-Werror'];
const sanitize = '-fsanitize=address,undefined -fno-sanitize-recover=all';

const toolchains = {
  wasm: {
    configure: (...args) => run('emcmake', 'cmake', ...args),
    runProgram: (program) => run(process.execPath, `${program}.js`),
    programs: { c: ['program', 'program_emmalloc'], cxx: ['program'] },
  },
  native: {
    configure: (...args) =>
      run('cmake', ...args, `-DCMAKE_C_FLAGS=${sanitize}`, `-DCMAKE_CXX_FLAGS=${sanitize}`),
    runProgram: (program) => run(program),
    programs: { c: ['program'], cxx: ['program'] },
  },
};

let passed = 0;
let failed = 0;

try {
  const module = unpack();
  for (const name of Object.keys(toolchains)) {
    const prefix = install(name, module);
    for (const language of ['c', 'cxx']) {
      use(name, language, 'find_package', [`-Dwasm_arena_DIR=${join(prefix, installed)}`]);
      use(name, language, 'add_subdirectory', [], module);
    }
  }
  includeHeaders(join(temporary, 'native prefix', 'include', 'wasm_arena'));
} finally {
  rmSync(temporary, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

/** The package as npm installs it. */
function unpack() {
  const destination = ['--pack-destination', temporary];
  const name = run('npm', 'pack', '--silent', '--ignore-scripts', ...destination, root).trim();
  run('tar', '-xzf', join(temporary, name), '-C', temporary);
  return join(temporary, 'package');
}

/** Installs the library, and returns where. */
function install(toolchain, module) {
  const build = join(temporary, `${toolchain} library`);
  const prefix = join(temporary, `${toolchain} prefix`);
  claim(`${toolchain}: the library is installed`, () => {
    toolchains[toolchain].configure('-S', module, '-B', build);
    run('cmake', '--build', build, '--target', 'wasm_arena');
    run('cmake', '--install', build, '--prefix', prefix);
    expect(existsSync(join(prefix, 'include', 'wasm_arena', 'arena.h')), 'its headers are');
  });
  return prefix;
}

/** Builds a project's programs and runs them. */
function use(toolchain, language, form, options, module) {
  const { configure, runProgram, programs } = toolchains[toolchain];
  const title = `${toolchain}, ${language}, ${form}`;
  const project = join(temporary, title);
  const build = join(project, 'build');
  cpSync(join(root, 'test', 'cmake', language), project, { recursive: true });
  if (module) cpSync(module, join(project, 'node_modules', 'wasm-arena'), { recursive: true });
  claim(`${title}: the project is built`, () => {
    configure('-S', project, '-B', build, ...options);
    run('cmake', '--build', build);
  });
  for (const program of programs[language]) {
    claim(`${title}: ${program} runs`, () => {
      console.log(
        runProgram(join(build, program))
          .replace(/^(?=.)/gm, '    ')
          .trimEnd(),
      );
    });
  }
  if (module) {
    claim(`${title}: it gets the library and nothing else`, () => {
      const target = join(project, 'installed');
      mkdirSync(target);
      run('cmake', '--install', build, '--prefix', target);
      expect(readdirSync(target).length === 0, 'nothing of ours is installed with the project');
      const made = readdirSync(join(build, 'node_modules', 'wasm-arena'));
      expect(!made.some((name) => name.endsWith('.wasm')), 'our wasm modules are not built');
    });
  }
}

/** Each installed header alone, in both languages. */
function includeHeaders(folder) {
  for (const name of readdirSync(folder)) {
    claim(`${name} can be included alone in C11 and C++17`, () => {
      const header = join(folder, name);
      run(
        'cc',
        '-fsyntax-only',
        '-std=c11',
        ...warnings,
        '-x',
        'c',
        '-include',
        header,
        '/dev/null',
      );
      const cxx = ['-std=c++17', ...warnings, '-x', 'c++', '-include', header, '/dev/null'];
      run('c++', '-fsyntax-only', ...cxx);
    });
  }
}

function claim(sentence, show) {
  try {
    show();
    passed++;
    console.log(`${sentence}: yes`);
  } catch (error) {
    failed++;
    console.log(`${sentence}: NO\n${error.message}\n${error.stdout ?? ''}`);
  }
}

function expect(condition, sentence) {
  if (!condition) throw new Error(`expected: ${sentence}`);
}

function run(command, ...args) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

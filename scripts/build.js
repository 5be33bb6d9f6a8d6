/**
 * Builds the wasm modules, and writes the files that carry them.
 *
 *   node scripts/build.js                  build and write
 *   node scripts/build.js --if-stale       the same, only where a file was made from other inputs
 *   node scripts/build.js --check          build, and fail where a file is not what comes out
 *   node scripts/build.js --extract FILE   write the module that FILE is named after, `arena.wasm`
 *
 * The files are committed, so that a clone works without Emscripten. Each carries a hash of its
 * inputs and the version of the emcc that made it: the same inputs in the same toolchain give the
 * same bytes. Another emcc gives other bytes, which --check then compares by imports and exports.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * See `encode`. Of all steps up to 91 a bundle compresses best with this one, with js/wasm.js alone
 * and with both modules.
 */
const STEP = 91;

const DECODER = `
/**
 * The wasm module, decoded by hand, because an AudioWorklet has no \`atob\`. Most bytes are small ones
 * and one character each: byte b is character 35 + b, and each ~ behind it adds ${STEP}. A bundle is 500
 * bytes smaller with it after compression than with base64, which hides what repeats.
 *
 * @param {string} [text] another module
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function moduleBytes(text = TEXT) {
  const bytes = [];
  for (const character of text) {
    if (character === '~') bytes[bytes.length - 1] += ${STEP};
    else bytes.push(character.charCodeAt(0) - 35);
  }
  return Uint8Array.from(bytes);
}
`;

/** A second copy of the decoder would be in every bundle with both modules. */
const IMPORTED_DECODER = `
import { moduleBytes as decode } from './wasm.js';

/**
 * The wasm module, decoded as js/wasm.js says.
 *
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function moduleBytes() {
  return decode(TEXT);
}
`;

const FILES = [
  embedded('js/wasm.js', 'arena', DECODER),
  embedded('js/allocators_wasm.js', 'allocators', IMPORTED_DECODER),
  binaries('abi', ['bump', 'sigil', 'words']),
];
const MODULES = FILES.flatMap((file) => file.modules);

const [mode = '--build', target] = process.argv.slice(2);

if (mode === '--extract') {
  await extract();
} else if (mode === '--check') {
  await check();
} else if (!['--build', '--if-stale'].includes(mode)) {
  fail(`unknown mode: ${mode}`);
} else if (mode === '--build' || (await staleFile())) {
  const made = build();
  for (const file of FILES) file.write(made);
  for (const name of MODULES) {
    console.log(`${name}: ${made.wasm[name].length} bytes of wasm by ${made.toolchain}`);
  }
}

async function extract() {
  const name = basename(target, '.wasm');
  const file = FILES.find(({ modules }) => modules.includes(name));
  if (!file) fail(`there is no module ${name}`);
  writeFileSync(target, (await file.read()).wasm[name]);
}

/** The path of a file that is missing or was made from other inputs, if there is one. */
async function staleFile() {
  const inputs = hashInputs();
  for (const { path, read } of FILES) {
    if ((await read())?.inputs !== inputs) return path;
  }
}

async function check() {
  const stale = await staleFile();
  if (stale) fail(`${stale} is stale: run \`npm run build\``);
  const made = build();
  const again = [];
  for (const file of FILES) {
    const committed = await file.read();
    if (made.toolchain !== committed.toolchain) {
      for (const name of file.modules) compareSurfaces(name, committed, made);
      again.push(file);
    } else if (file.modules.some((name) => !made.wasm[name].equals(committed.wasm[name]))) {
      fail(`${file.path} differs: run \`npm run build\``);
    } else {
      console.log(`${file.path} is what ${made.toolchain} makes of its inputs`);
    }
  }
  for (const { path, write } of again) {
    write(made);
    console.log(`${path} was made again by ${made.toolchain}, to be tested; don't commit it`);
  }
}

function compareSurfaces(name, committed, made) {
  const [ours, theirs] = [committed, made].map(({ wasm }) => surface(wasm[name]));
  if (ours !== theirs) {
    fail(`${made.toolchain} makes other imports or exports of ${name}:\n${ours}\n${theirs}`);
  }
}

/** The sources and the flags, with LF line ends whatever the checkout has. */
function hashInputs() {
  const sources = readdirSync(`${root}/src`, { recursive: true })
    .map((name) => `src/${name.replaceAll('\\', '/')}`)
    .filter((name) => /\.[ch]$/.test(name))
    .sort();
  const hash = createHash('sha256');
  for (const name of ['CMakeLists.txt', ...sources]) {
    hash.update(`${name}\n${readFileSync(`${root}/${name}`, 'utf8').replaceAll('\r\n', '\n')}`);
  }
  return hash.digest('hex');
}

/** Every module, by name, and what made them of which inputs. */
function build() {
  const inputs = hashInputs();
  const toolchain = run('emcc', ['--version']).split('\n')[0];
  const out = `${root}/build/wasm`;
  run('emcmake', ['cmake', '-S', root, '-B', out, '-DCMAKE_BUILD_TYPE=MinSizeRel']);
  run('cmake', ['--build', out, '--target', ...MODULES]);
  const wasm = {};
  for (const { modules, strip } of FILES) {
    for (const name of modules) {
      const linked = `${out}/${name}.wasm`;
      wasm[name] = readFileSync(strip ? withoutExtras(linked) : linked);
    }
  }
  return { inputs, toolchain, wasm };
}

/**
 * A file without the exports that Emscripten adds of its own, and what nothing else needs then: 55
 * bytes of the first module, and 50 of a bundle.
 */
function withoutExtras(file) {
  const names = exportsOf(readFileSync(file)).map(({ name }) => name);
  const kept = names.filter((name) => !isExtra(name));
  const graph = [
    { name: 'kept', root: true, reaches: kept },
    ...kept.map((name) => ({ name, export: name })),
    { name: 'env.memory', root: true, import: ['env', 'memory'] },
  ];
  writeFileSync(`${file}.json`, JSON.stringify(graph));
  const stripped = `${file}.stripped`;
  const binaryen = run('em-config', ['BINARYEN_ROOT']).trim();
  const options = ['--enable-bulk-memory', '--graph-file', `${file}.json`, '-o', stripped];
  run(`${binaryen}/bin/wasm-metadce`, [file, ...options]);
  return stripped;
}

function exportsOf(bytes) {
  return WebAssembly.Module.exports(new WebAssembly.Module(bytes));
}

/** Whether Emscripten adds an export of that name. */
function isExtra(name) {
  return /^(_|stack|emscripten_)/.test(name);
}

function run(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (error.code !== 'ENOENT') {
      fail(`${command} ${args.join(' ')} failed:\n${error.stdout}\n${error.stderr}`);
    }
    return fail(
      `The wasm modules have to be built, and there is no ${command} here. Install Emscripten and ` +
        'CMake:\n' +
        '  Debian, Ubuntu:  apt-get install emscripten cmake\n' +
        '  macOS:           brew install emscripten cmake\n' +
        '  elsewhere:       https://emscripten.org/docs/getting_started/downloads.html\n' +
        'and run `npm run build`.',
    );
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Imports and exports, without the names that Emscripten adds of its own. */
function surface(bytes) {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  const ours = exportsOf(bytes).filter(({ name }) => !isExtra(name));
  return JSON.stringify({
    imports,
    exports: ours.map(({ name, kind }) => `${kind} ${name}`).sort(),
  });
}

/** A folder of .wasm files, with a record beside them. */
function binaries(folder, modules) {
  const path = `${folder}/build.json`;
  const pathOf = (name) => `${root}/${folder}/${name}.wasm`;
  return {
    path,
    modules,
    read() {
      if (![`${root}/${path}`, ...modules.map(pathOf)].every(existsSync)) return undefined;
      const { inputs, toolchain } = JSON.parse(readFileSync(`${root}/${path}`, 'utf8'));
      const wasm = Object.fromEntries(modules.map((name) => [name, readFileSync(pathOf(name))]));
      return { inputs, toolchain, wasm };
    },
    write({ inputs, toolchain, wasm }) {
      const sha256 = {};
      for (const name of modules) {
        writeFileSync(pathOf(name), wasm[name]);
        sha256[`${name}.wasm`] = createHash('sha256').update(wasm[name]).digest('hex');
      }
      const record = JSON.stringify({ inputs, toolchain, sha256 }, null, 2);
      writeFileSync(`${root}/${path}`, `${record}\n`);
    },
  };
}

/** A module as text in a JavaScript module with a function that decodes it. */
function embedded(path, name, decoder) {
  return {
    path,
    modules: [name],
    strip: true,
    async read() {
      if (!existsSync(`${root}/${path}`)) return undefined;
      const file = await import(new URL(`../${path}`, import.meta.url));
      return {
        inputs: file.INPUTS,
        toolchain: file.TOOLCHAIN,
        wasm: { [name]: file.moduleBytes() },
      };
    },
    write({ inputs, toolchain, wasm }) {
      writeFileSync(
        `${root}/${path}`,
        `// Generated by scripts/build.js; don't edit. \`npm run build\` makes it again.
${decoder}
/** SHA-256 of CMakeLists.txt and src/. */
export const INPUTS = '${inputs}';

/** What made it. */
export const TOOLCHAIN = ${JSON.stringify(toolchain)};

const TEXT =
  ${JSON.stringify(encode(wasm[name]))};
`,
      );
    },
  };
}

/** What the decoder reads. */
function encode(bytes) {
  const text = (byte) => String.fromCharCode(35 + (byte % STEP)) + '~'.repeat(byte / STEP);
  return Array.from(bytes, text).join('');
}

/** Writes docs/hosts.md: what the builds weigh, and where their pages ran. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { format } from 'prettier';

const TARGET = fileURLToPath(new URL('../../docs/hosts.md', import.meta.url));

/** The pages whose sizes are given. */
const WEIGHED = ['arena', 'all'];

const COMPRESSIONS = [
  (content) => content,
  (content) => gzipSync(content, { level: 9 }),
  (content) => brotliCompressSync(content),
];

const COMPRESSED = ['gzip', 'brotli'];
const HEAD = ['Bundler', 'needs', '`{ Arena }`: raw', ...COMPRESSED, 'all: raw', ...COMPRESSED];

/**
 * Bytes of the scripts in a folder, as they are and compressed one by one.
 *
 * @param {string} folder
 * @returns {number[]} raw, gzip, brotli
 */
function weigh(folder) {
  const scripts = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('.js'));
  const contents = scripts.map((path) => readFileSync(join(folder, path)));
  return COMPRESSIONS.map((compress) =>
    contents.reduce((sum, content) => sum + compress(content).length, 0),
  );
}

/**
 * @param {string} version of the browser
 * @param {string[]} lacks what the browser's AudioWorklet has not
 * @param {{ name: string, version: string, needs: string, folder: string }[]} builds `folder`: where
 *   the builds of the pages are, by their names
 */
export async function writeTable(version, lacks, builds) {
  const rows = builds.map(({ name, version: its, needs, folder }) => {
    const sizes = WEIGHED.flatMap((page) => weigh(join(folder, page)));
    return [`${name} ${its}`, needs, ...sizes.map((size) => size.toLocaleString('en'))];
  });
  const text = `# Hosts

\`npm run test:tools\` writes this page after all its tests of hosts have passed. The package is
installed from its tarball into a project of its own; its production builds run in ${version}, as do
the same scripts without a build, by \`<script type="module">\`. Nobody is told anything of WebAssembly,
and nobody warns.

Bytes of a page's JavaScript, wasm included:

${row(HEAD)}
${row(HEAD.map((_, column) => (column < 2 ? '---' : '--:')))}
${rows.map(row).join('\n')}

\`{ Arena }\` is a page that imports only that, \`all\` one that has frames, heap, pool, fixed buffer and
tracking too: [tools/hosts/pages](../tools/hosts/pages). Vite's pages have its preload polyfill in
them. Rollup minifies by \`@rollup/plugin-terser\`.

Each build also runs

- with \`import 'wasm-arena/allocators'\` alone, after which arenas stand on other arenas;
- in a dedicated worker;
- in an AudioWorklet, where two waves are mixed in an arena to the same samples as in a plain array.
  It has no ${lacks.map((name) => `\`${name}\``).join(', ')}.

With \`script-src 'self' 'wasm-unsafe-eval'\` as content security policy, page, worker and AudioWorklet
work. Without \`'wasm-unsafe-eval'\` page and worker get ERR_ARENA_UNSUPPORTED, whose message names it,
and the constructor in the AudioWorklet fails.
`;
  writeFileSync(
    TARGET,
    await format(text, { parser: 'markdown', printWidth: 100, proseWrap: 'always' }),
  );
}

/** @param {string[]} cells */
const row = (cells) => `| ${cells.join(' | ')} |`;

/**
 * The playground of examples/playground/: `npm run playground` serves it on a free loopback port,
 * `npm run playground -- --build DIR` writes it as a folder for any static host.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** An isolated page gets a clock with steps of 5 µs; others get 100 µs. */
const HEADERS = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/** Where the page's parts come from: the page is at the root, what it imports under vendor/. */
function parts() {
  const plot = new URL('./', import.meta.resolve('uplot'));
  return [
    { to: '', from: new URL('../examples/playground/', import.meta.url) },
    { to: 'vendor/wasm-arena/', from: new URL('../js/', import.meta.url) },
    { to: 'vendor/uplot/', from: plot, names: ['uPlot.esm.js', 'uPlot.min.css'] },
    { to: 'vendor/uplot/', from: new URL('../', plot), names: ['LICENSE'] },
  ];
}

/** @returns {Map<string, URL>} all files of the page, by their relative paths */
export function files() {
  const all = new Map();
  for (const { to, from, names = readdirSync(from) } of parts()) {
    for (const name of names) all.set(to + name, new URL(name, from));
  }
  return all;
}

/** @param {string} folder is made where there is none */
export function build(folder) {
  for (const [path, url] of files()) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, readFileSync(url));
  }
}

/**
 * Serves the page to this machine. Only paths of `files` are served, so no path leads elsewhere.
 *
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serve() {
  const known = files();
  const server = createServer(({ url }, response) => {
    const path = new URL(url, 'http://localhost').pathname.slice(1) || 'index.html';
    const file = known.get(path);
    if (!file) return response.writeHead(404).end();
    const type = TYPES[extname(path)] ?? 'text/plain';
    return response.writeHead(200, { ...HEADERS, 'Content-Type': type }).end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [flag, folder] = process.argv.slice(2);
  if (flag === undefined) {
    const { url } = await serve();
    console.log(`The playground is at ${url} (Ctrl-C ends it)`);
  } else if (flag === '--build' && folder) {
    build(folder);
    console.log(`The playground is in ${folder}, ready for any static host`);
  } else {
    console.error('usage: npm run playground [-- --build DIR]');
    process.exitCode = 1;
  }
}

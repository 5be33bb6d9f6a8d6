/**
 * Serves this folder's repository, or another folder, to browsers, on loopback and a free port: a
 * secure context.
 *
 * `/modules/NAME` is what a bare import of NAME gives, bundled for browsers, of the packages that
 * are installed in the root or in tools/. `/echo` answers with what it is sent, by POST or through a
 * WebSocket.
 */
import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { WebSocketServer } from 'ws';

const ROOT = new URL('../../', import.meta.url);

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};

/**
 * @param {Record<string, (socket: import('ws').WebSocket) => void>} [sockets] what else to do with
 *   WebSockets, by path
 * @param {URL} [root] the folder; ends in a slash
 * @returns {Promise<{ url: string, close(): void }>} `url` ends in a slash
 */
export async function serve(sockets = {}, root = ROOT) {
  const server = createServer((request, response) => {
    answer(request, response, root).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  const webSockets = new WebSocketServer({ server });
  const handlers = { '/echo': echo, ...sockets };
  webSockets.on('connection', (socket, { url }) => handlers[url]?.(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://localhost:${server.address().port}/`,
    close() {
      for (const socket of webSockets.clients) socket.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** @param {import('ws').WebSocket} socket */
function echo(socket) {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @param {URL} root
 */
async function answer(request, response, root) {
  const { pathname } = new URL(request.url, root);
  if (pathname === '/echo') {
    request.pipe(response);
  } else if (pathname.startsWith('/modules/')) {
    response.setHeader('content-type', TYPES['.js']);
    response.end(await bundle(pathname.slice('/modules/'.length)));
  } else {
    const file = new URL(`.${pathname}`, root);
    const found = statSync(file, { throwIfNoEntry: false })?.isFile();
    response.setHeader('content-type', TYPES[extname(pathname)] ?? 'application/octet-stream');
    if (found) createReadStream(file).pipe(response);
    else response.writeHead(404).end();
  }
}

/**
 * @param {string} name
 * @returns {Promise<Uint8Array>}
 */
async function bundle(name) {
  const { outputFiles } = await build({
    stdin: {
      contents: `export * from '${name}'; export { default } from '${name}';`,
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  return outputFiles[0].contents;
}

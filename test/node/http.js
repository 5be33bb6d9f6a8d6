/**
 * Servers on loopback ports and their clients, for tests. What a test starts here, `stop` ends: put
 * it in an `afterEach`.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const HOST = '127.0.0.1';

const cleanups = [];

export { wait };

/** Has `fn` called by `stop`. */
export function later(fn) {
  cleanups.push(fn);
}

/** Ends all servers and clients that were started since. */
export async function stop() {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

/** Starts a server, on any free port, and returns that. */
export async function listen(server) {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  later(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return server.address().port;
}

/** Waits until `fn` returns something: what never does fails by the test's timeout. */
export async function until(fn) {
  for (;;) {
    const value = fn();
    if (value) return value;
    await wait(1);
  }
}

/** Waits until nobody has an arena, and checks that so many were given back, each of them once. */
export async function allGivenBack(arenas, served) {
  await until(() => arenas.stats().served >= served && arenas.stats().live === 0);
  const stats = arenas.stats();
  assert.deepEqual(
    [stats.served, stats.live, stats.orphaned, stats.waiting],
    [served, 0, 0, 0],
    'served, live, orphaned, waiting',
  );
}

/** A promise and what settles it. */
export function deferred() {
  let resolve, reject;
  const promise = new Promise((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
}

/** Sends a request; `body` may be a buffer, a string, or nothing. */
export function request(port, path = '/', { body, ...options } = {}) {
  const sent = http.request({ host: HOST, port, path, agent: false, ...options });
  sent.on('error', () => {});
  sent.end(body);
  return sent;
}

/** Sends a request and reads the whole answer; rejects where the connection closes without one. */
export async function fetch(port, path, options) {
  const [answer] = await once(request(port, path, options), 'response');
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return { status: answer.statusCode, headers: answer.headers, body, text: body.toString() };
}

/** A plain connection: what is sent and what comes is up to the test. */
export async function connect(port, text) {
  const socket = net.connect({ host: HOST, port });
  socket.on('error', () => {});
  later(() => socket.destroy());
  await once(socket, 'connect');
  if (text) socket.write(text);
  return socket;
}

/** Collects what comes, as text. */
export function collect(socket) {
  const collected = { text: '' };
  socket.on('data', (chunk) => (collected.text += chunk.toString('latin1')));
  return collected;
}

export function hash(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

const TILE = 65521;

/** Fills a view with the bytes of request number `seed`: no two have a long run in common. */
export function pattern(view, seed) {
  let state = (seed + 1) * 2654435761;
  for (let i = 0; i < Math.min(view.length, TILE); i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    view[i] = state >>> 24;
  }
  for (let at = TILE; at < view.length; at += TILE) view.copyWithin(at, 0, TILE);
  return view;
}

const HEADERS = 1;
const RESET = 3;
const SETTINGS = 4;
const PING = 6;
const WINDOW_UPDATE = 8;
const ACK = 1;
const END_STREAM_AND_HEADERS = 5;
const MOST = 2 ** 31 - 1;

/** `GET / HTTP/2` with HPACK's static table, of the authority `x`. */
const GET = Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 0x78]);

/**
 * A client of HTTP/2 without TLS that takes windows of any size and reads when it is told to: from
 * then on it answers pings and counts the bytes of DATA frames by their value.
 */
export async function rawHttp2(port, window = MOST) {
  const socket = await connect(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.pause();
  const send = (type, flags, stream, payload) => {
    const header = Buffer.alloc(9);
    header.writeUIntBE(payload.length, 0, 3);
    header[3] = type;
    header[4] = flags;
    header.writeUInt32BE(stream, 5);
    socket.write(Buffer.concat([header, payload]));
  };
  const word = (value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  send(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), word(window)]));
  send(WINDOW_UPDATE, 0, 0, word(MOST - 65535));
  const client = {
    socket,
    answersPings: true,
    pings: 0,
    resets: 0,
    bytes: new Float64Array(256),
    get: (stream) => send(HEADERS, END_STREAM_AND_HEADERS, stream, GET),
    reset: (stream) => send(RESET, 0, stream, word(8)),
    read() {
      let rest = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
          const end = 9 + rest.readUIntBE(0, 3);
          take(rest[3], rest[4], rest.subarray(9, end));
          rest = rest.subarray(end);
        }
      });
      socket.resume();
    },
  };
  const take = (type, flags, payload) => {
    if (type === 0) {
      for (const byte of payload) client.bytes[byte]++;
    } else if (type === RESET) {
      client.resets++;
    } else if (type === PING && !(flags & ACK)) {
      client.pings++;
      if (client.answersPings) send(PING, ACK, 0, payload);
    } else if (type === SETTINGS && !(flags & ACK)) {
      send(SETTINGS, ACK, 0, Buffer.alloc(0));
    }
  };
  return client;
}

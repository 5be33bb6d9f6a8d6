/**
 * The soak's server, in a process of its own so that its memory is measured alone: `main.js` starts
 * it and asks it for reports.
 *
 * Each handler writes the pattern of its request into what it gets, after it has seen that it reads 0,
 * and checks the pattern whenever it has waited.
 */
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { RequestArenas } from '../../js/node.js';
import { isZero, LIMIT, MOST_AT_ONCE, Pattern, planOfPath } from './mix.js';

const SEED = Number(process.argv[2]);

const MOST_WAITING = 8;

/** After how many ms without a byte a connection is cut. */
const SILENCE = 20;

/** How long a report waits for what still runs, in ms. */
const PATIENCE = 5000;

const ALIGNMENTS = [8, 8, 1, 64];

const arenas = new RequestArenas({
  limit: LIMIT,
  maxConcurrent: MOST_AT_ONCE,
  maxQueue: MOST_WAITING,
});

/** What a handler throws that is to. */
class Planned extends Error {}

/** @type {Set<object>} arenas that were handed out and not given back */
const held = new Set();
/** @type {WeakMap<object, import('./mix.js').Plan>} */
const plans = new WeakMap();
/** How often happened what the mix is to bring about. */
const seen = { orphaned: 0, waiting: 0, severalChunks: 0, cut: 0 };

subscribe('wasm-arena:acquire', ({ arena }) => held.add(arena));
subscribe('wasm-arena:release', ({ arena }) => {
  if (!held.delete(arena)) process.send({ failure: 'an arena was given back twice' });
});
setInterval(() => {
  seen.orphaned += arenas.stats().orphaned;
}, 10).unref();

/** What a request has in its arena. */
class Blocks {
  constructor(arena, plan) {
    this.arena = arena;
    this.plan = plan;
    plans.set(arena, plan);
    this.views = [];
    this._pattern = new Pattern(plan);
    this._total = 0;
  }

  /** The blocks that the plan wants. */
  addAll() {
    for (const size of this.plan.sizes) this.add(size);
    this._scratch();
  }

  add(size) {
    const align = ALIGNMENTS[this.views.length % ALIGNMENTS.length];
    const last = this.views.at(-1);
    const view = this._blank(size, align);
    if (last) this._checkGap(last.byteOffset + last.length, view.byteOffset, align);
    this._pattern.fill(view, this._total);
    this.views.push(view);
    this._total += size;
    return view;
  }

  /** A body that the client sent belongs to the blocks when it is there. */
  async read(req, size) {
    const view = this._blank(size, 8);
    let at = 0;
    for await (const chunk of req) at += chunk.copy(view, at);
    if (!this._pattern.is(view, 0)) this.fail('what it uploaded is not what it sent');
  }

  check() {
    let position = 0;
    for (const view of this.views) {
      if (!this._pattern.is(view, position)) this.fail('its bytes are not what it wrote');
      position += view.length;
    }
  }

  /** Writes and checks once more, as a handler does that does not know that its client has gone. */
  goOn() {
    this.check();
    let position = 0;
    for (const view of this.views) {
      this._pattern.fill(view, position);
      position += view.length;
    }
    this.add(100);
    this.check();
  }

  fail(message) {
    const { key, ending } = this.plan;
    process.send({ failure: `request ${key} (${ending}): ${message}` });
  }

  _blank(size, align) {
    const view = this.arena.buffer(size, align);
    if (!isZero(view)) this.fail(`a new block of ${size} bytes does not read 0`);
    return view;
  }

  /** The padding before a block reads 0 too, unless the block is in another chunk. */
  _checkGap(end, start, align) {
    if (start < end || start - end >= align) seen.severalChunks++;
    else if (!isZero(this.arena.memory.u8.subarray(end, start))) this.fail('padding is not 0');
  }

  /** Bytes that a mark or a realloc gave back read 0 too when they are handed out again. */
  _scratch() {
    const { arena } = this;
    arena.scope(() => {
      this._pattern.fill(this._blank(300, 8), 0);
      const ptr = arena.alloc(50);
      this._pattern.fill(arena.view(Uint8Array, ptr, 50), 0);
      const moved = arena.realloc(ptr, 50, 500);
      if (!isZero(arena.view(Uint8Array, moved + 50, 450))) this.fail('a new tail is not 0');
    });
    this._blank(700, 1);
  }
}

/** What the handlers do, by ending. Those that return no promise are callback-style. */
const handle = {
  async end(blocks, req, res) {
    await fillAndPause(blocks);
    for (const view of blocks.views) res.write(view);
    res.end();
  },

  async write(blocks, req, res) {
    await fillAndPause(blocks);
    res.setHeader('content-length', blocks.plan.total);
    for (const view of blocks.views) {
      if (!res.write(view)) await new Promise((resolve) => res.once('drain', resolve));
      blocks.check();
    }
    res.end();
  },

  async pipeline(blocks, req, res) {
    await fillAndPause(blocks);
    await pipeline(Readable.from(blocks.views), res);
    blocks.check();
  },

  async upload(blocks, req, res) {
    await blocks.read(req, blocks.plan.total);
    await handle.end(blocks, req, res);
  },

  callback(blocks, req, res) {
    fillAndPause(blocks).then(() => {
      blocks.check();
      for (const view of blocks.views) res.write(view);
      res.end();
    });
  },

  throw(blocks) {
    blocks.addAll();
    throw new Planned();
  },

  async reject(blocks) {
    await fillAndPause(blocks);
    throw new Planned();
  },

  async limit(blocks) {
    await fillAndPause(blocks);
    for (;;) {
      try {
        blocks.add(LIMIT / 4);
      } catch (error) {
        await sleep(blocks.plan.pause);
        blocks.check();
        throw error;
      }
    }
  },

  async 'abort-await'(blocks, req, res) {
    blocks.addAll();
    await sleep(2 + 2 * blocks.plan.pause);
    blocks.goOn();
    res.end(blocks.views[0]);
  },

  async 'abort-body'(blocks, req) {
    blocks.addAll();
    await blocks.read(req, blocks.plan.total).catch(checkAborted);
    await sleep(blocks.plan.pause);
    blocks.goOn();
  },

  async 'abort-download'(blocks, req, res) {
    await fillAndPause(blocks);
    await pipeline(Readable.from(blocks.views), res).catch(checkAborted);
    await sleep(blocks.plan.pause);
    blocks.goOn();
  },

  /* The end of use is declared by `end` or, where no answer is wanted any more, by `free`. */
  'abort-callback'(blocks, req, res) {
    blocks.addAll();
    sleep(2 + 2 * blocks.plan.pause).then(() => {
      blocks.goOn();
      if (blocks.plan.key & 8 && res.destroyed) blocks.arena.free();
      else res.end(blocks.views[0]);
    });
  },

  async timeout(blocks, req) {
    blocks.addAll();
    req.socket.setTimeout(SILENCE);
    await blocks.read(req, blocks.plan.total).catch(checkAborted);
    seen.cut++;
    blocks.goOn();
  },

  async upgrade(blocks, req, socket) {
    blocks.addAll();
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: soak\r\nConnection: Upgrade\r\n\r\n',
    );
    for (const view of blocks.views) socket.write(view);
    await finished(socket.resume(), { writable: false }).catch(checkAborted);
    blocks.goOn();
    socket.end();
  },
};
handle.middleware = handle.callback;
handle['abort-middleware'] = handle['abort-callback'];
handle.big = handle.end;
handle.pipelined = handle['abort-pipelined'] = async (blocks, req, res) => {
  res.setHeader('content-length', blocks.plan.total);
  await handle.end(blocks, req, res);
};

async function fillAndPause(blocks) {
  blocks.addAll();
  const { pause } = blocks.plan;
  await (pause ? sleep(pause) : nextTurn());
  blocks.check();
}

/** What a stream says whose client has gone. */
function checkAborted(error) {
  const codes = ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'EPIPE'];
  if (!codes.includes(error.code)) throw error;
}

function call(req, res) {
  const plan = planOfPath(SEED, req.url);
  return handle[plan.ending](new Blocks(req.arena, plan), req, res);
}

const wrapped = arenas.wrap(call);
const attach = arenas.middleware();

function serve(req, res) {
  const plan = planOfPath(SEED, req.url);
  const answer = (error) => answerError(plan, res, error);
  if (plan.ending.endsWith('middleware')) {
    attach(req, res, (error) => (error ? answer(error) : call(req, res)));
    return;
  }
  try {
    Promise.resolve(wrapped(req, res)).catch(answer);
    if (!req.arena && !res.writableEnded) seen.waiting++;
  } catch (error) {
    answer(error);
  }
}

function answerError(plan, res, error) {
  const isLimit = error.code === 'ERR_ARENA_OUT_OF_MEMORY' && plan.ending === 'limit';
  const status = isLimit ? 413 : (error.statusCode ?? 500);
  const isExpected = isLimit || status === 503 || error instanceof Planned;
  if (!isExpected)
    process.send({ failure: `request ${plan.key} (${plan.ending}): ${error.stack}` });
  res.writeHead(status).end();
}

const server = createServer(serve).on('upgrade', (req, socket, head) => {
  socket.on('error', () => {});
  Promise.resolve(wrapped(req, socket, head)).catch((error) => {
    process.send({ failure: `upgrade: ${error.stack}` });
    socket.destroy();
  });
});
/* A connection that is cut while its client sends the next request would look like a failure. */
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

process.on('disconnect', () => process.exit());
process.on('message', async () => {
  const end = performance.now() + PATIENCE;
  while (held.size && performance.now() < end) await sleep(1);
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await nextTurn();
  }
  const names = [...held].map((arena) => plans.get(arena)?.ending);
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send({ report: { ...arenas.stats(), held: names, seen, rss, heapUsed, external } });
});

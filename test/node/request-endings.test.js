import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { currentArena, RequestArenas } from '../../js/node.js';
import * as web from './http.js';

const { allGivenBack, deferred, fetch, listen, pattern, request, until, wait } = web;

const MIB = 2 ** 20;

/** Ends a response with the arena's bytes, so that what is given back too soon is seen. */
function answer(req, res, text = 'ok') {
  const bytes = req.arena.buffer(text.length);
  bytes.write(text);
  res.end(bytes);
}

afterEach(() => web.stop());

describe('an arena in node:http is given back once', () => {
  let arenas;
  let handler;
  let server;
  let port;

  const serve = async (fn, options) => {
    arenas = new RequestArenas({ reserve: 64 * MIB, ...options });
    handler = arenas.wrap(fn);
    server = http.createServer((req, res) => handler(req, res));
    port = await listen(server);
  };

  it('after a normal end, in its request and across awaits the current one', async () => {
    await serve(async (req, res) => {
      assert.equal(currentArena(), req.arena);
      await wait(1);
      assert.equal(currentArena(), req.arena);
      answer(req, res, req.url);
    });
    for (const path of ['/a', '/b']) assert.equal((await fetch(port, path)).text, path);
    await allGivenBack(arenas, 2);
    assert.equal(arenas.stats().peak, 1);
  });

  it('when the handler has settled, not when the response has closed', async () => {
    const rest = deferred();
    let view;
    await serve(async (req, res) => {
      view = req.arena.buffer(100).fill(7);
      answer(req, res);
      await rest.promise;
    });
    assert.equal((await fetch(port)).text, 'ok');
    await until(() => arenas.stats().orphaned === 1);
    assert.equal(arenas.stats().live, 1);
    assert.ok(view.every((byte) => byte === 7));
    rest.resolve();
    await allGivenBack(arenas, 1);
  });

  it('when the response has closed, not when the handler has settled', async () => {
    const settled = deferred();
    await serve(async (req, res) => {
      setTimeout(() => settled.resolve(), 1);
      res.end(req.arena.buffer(16 * MIB - 64).fill(7));
    });
    const [response] = await once(request(port), 'response');
    await settled.promise;
    await wait(20);
    assert.equal(arenas.stats().live, 1);
    assert.equal(arenas.stats().orphaned, 0);
    let size = 0;
    for await (const chunk of response) {
      assert.ok(chunk.every((byte) => byte === 7));
      size += chunk.length;
    }
    assert.equal(size, 16 * MIB - 64);
    await allGivenBack(arenas, 1);
  });

  it('after an error that is thrown, which goes to the caller', async () => {
    const mine = new Error('mine');
    await serve(() => {
      throw mine;
    });
    server.removeAllListeners('request');
    server.on('request', (req, res) => {
      assert.throws(
        () => handler(req, res),
        (error) => error === mine,
      );
      assert.equal(arenas.stats().live, 1, 'the response is open');
      answer(req, res, 'thrown');
    });
    assert.equal((await fetch(port)).text, 'thrown');
    await allGivenBack(arenas, 1);
  });

  it('after a rejection, which goes to the caller', async () => {
    const mine = new Error('mine');
    await serve(async () => {
      await wait(1);
      throw mine;
    });
    server.removeAllListeners('request');
    server.on('request', async (req, res) => {
      await assert.rejects(handler(req, res), (error) => error === mine);
      assert.equal(arenas.stats().live, 1, 'the response is open');
      answer(req, res, 'rejected');
    });
    assert.equal((await fetch(port)).text, 'rejected');
    await allGivenBack(arenas, 1);
  });

  it('after an error that is thrown behind res.end()', async () => {
    await serve((req, res) => {
      answer(req, res);
      throw new Error('mine');
    });
    server.removeAllListeners('request');
    server.on('request', (req, res) => assert.throws(() => handler(req, res), /mine/));
    assert.equal((await fetch(port)).text, 'ok');
    await allGivenBack(arenas, 1);
  });

  it('after res.end() was called twice, in time and when the client has gone', async () => {
    const gone = deferred();
    const ended = deferred();
    await serve((req, res) => {
      if (req.url === '/now') {
        answer(req, res);
        res.end();
        return;
      }
      res.once('close', async () => {
        gone.resolve();
        await ended.promise;
        res.end();
        res.end();
      });
    });
    assert.equal((await fetch(port, '/now')).text, 'ok');
    await allGivenBack(arenas, 1);
    const sent = request(port, '/later');
    await until(() => arenas.stats().live);
    sent.destroy();
    await gone.promise;
    await wait(1);
    assert.deepEqual([arenas.stats().live, arenas.stats().orphaned], [1, 1]);
    ended.resolve();
    await allGivenBack(arenas, 2);
  });

  it('where it was freed by hand, and its response ends later', async () => {
    await serve(async (req, res) => {
      const other = req.arena;
      res.write('o');
      other.free();
      other.free();
      assert.equal(arenas.stats().served, 1);
      await wait(5);
      res.end('k');
    });
    assert.equal((await fetch(port)).text, 'ok');
    await allGivenBack(arenas, 1);
  });

  it('where the response had closed before the handler was called', async () => {
    const seen = [];
    const called = deferred();
    await serve(async (req) => {
      seen.push(req.arena.buffer(8).length);
      await wait(5);
      assert.equal(arenas.stats().orphaned, 1);
      called.resolve();
    });
    server.removeAllListeners('request');
    server.on('request', (req, res) => res.once('close', () => handler(req, res)));
    const sent = request(port);
    await once(server, 'request');
    sent.destroy();
    await called.promise;
    assert.deepEqual(seen, [8]);
    await allGivenBack(arenas, 1);
  });

  it('by callbacks that end a response which had closed before', async () => {
    await serve((req, res) => {
      if (req.url === '/now') res.end();
      else setTimeout(() => res.end(), 5);
    });
    server.removeAllListeners('request');
    server.on('request', (req, res) => res.once('close', () => handler(req, res)));
    for (const path of ['/now', '/later']) {
      const sent = request(port, path);
      await once(server, 'request');
      sent.destroy();
    }
    await allGivenBack(arenas, 2);
  });

  it('where the client goes in the middle of its body', async () => {
    const failed = deferred();
    await serve(async (req, res) => {
      const body = req.arena.buffer(MIB);
      let size = 0;
      try {
        for await (const chunk of req) size += chunk.copy(body, size);
      } catch (error) {
        failed.resolve({ error, size });
        throw error;
      }
      answer(req, res);
    });
    server.removeAllListeners('request');
    server.on('request', (req, res) => handler(req, res).catch(() => {}));
    const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${MIB}\r\n\r\n`;
    const sent = await web.connect(port, head + 'x'.repeat(1000));
    await until(() => arenas.stats().live);
    sent.destroy();
    const { error, size } = await failed.promise;
    assert.equal(error.code, 'ECONNRESET');
    assert.ok(size <= 1000);
    await allGivenBack(arenas, 1);
  });

  it('and not while a handler whose client has gone awaits: no byte crosses', async () => {
    const go = deferred();
    const late = deferred();
    const others = deferred();
    let running = 0;
    await serve(async (req, res) => {
      const seed = Number(req.url.slice(1));
      const size = 1000 + seed * 100;
      const view = pattern(req.arena.buffer(size), seed);
      const same = () => view.equals(pattern(Buffer.alloc(size), seed));
      if (seed === 0) {
        await go.promise;
        assert.ok(same(), 'others wrote into the arena of a request whose client has gone');
        view.fill(0xff);
        const more = req.arena.buffer(100_000).fill(0xff);
        late.resolve(more.length);
        return;
      }
      if (seed > 40) {
        running++;
        await others.promise;
      } else {
        await wait(seed % 3);
      }
      res.end(same() ? view : 'bytes of another request');
    });
    const sent = request(port, '/0');
    await until(() => arenas.stats().live === 1);
    sent.destroy();
    await until(() => arenas.stats().orphaned === 1);
    const bodies = Array.from({ length: 50 }, async (_, i) => {
      const seed = i + 1;
      const { body } = await fetch(port, `/${seed}`);
      assert.ok(body.equals(pattern(Buffer.alloc(1000 + seed * 100), seed)), `request ${seed}`);
    });
    await until(() => running === 10);
    await Promise.all(bodies.slice(0, 40));
    assert.equal(arenas.stats().orphaned, 1);
    go.resolve();
    assert.equal(await late.promise, 100_000);
    others.resolve();
    await Promise.all(bodies);
    await allGivenBack(arenas, 51);
  });

  it('where the socket times out, when the handler has settled', async () => {
    const go = deferred();
    await serve(() => go.promise);
    server.setTimeout(20);
    await assert.rejects(fetch(port), /hang up/);
    await until(() => arenas.stats().orphaned === 1);
    go.resolve();
    await allGivenBack(arenas, 1);
  });

  it('where the socket times out in the middle of a body: what arrives then is its own', async () => {
    await serve(async (req, res) => {
      res.write(req.arena.buffer(12 * MIB).fill(65));
    });
    server.setTimeout(30);
    const socket = await web.connect(port);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await allGivenBack(arenas, 1);
    const other = arenas.acquire();
    other.buffer(12 * MIB).fill(66);
    const chunks = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.resume();
    await once(socket, 'close');
    const body = Buffer.concat(chunks).toString('latin1').split('\r\n\r\n')[1];
    assert.ok(body.length < 12 * MIB);
    assert.match(body, /^c00000\r\nA+$/);
    other.free();
  });

  it('where the request takes longer than requestTimeout', async () => {
    arenas = new RequestArenas({ reserve: MIB });
    const handler = arenas.wrap(async (req) => {
      const body = req.arena.buffer(1000);
      for await (const chunk of req) chunk.copy(body);
    });
    const timeouts = { connectionsCheckingInterval: 10, headersTimeout: 20, requestTimeout: 30 };
    server = http.createServer(timeouts, (req, res) => handler(req, res).catch(() => {}));
    const socket = await web.connect(await listen(server));
    const { closed, received } = { closed: once(socket, 'close'), received: web.collect(socket) };
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx');
    await until(() => arenas.stats().peak);
    await closed;
    assert.match(received.text, /^HTTP\/1\.1 408 /);
    await allGivenBack(arenas, 1);
  });

  it('where requests are pipelined; each has its own, and answers come in order', async () => {
    await serve(async (req, res) => {
      const { arena } = req;
      const number = Number(req.url.slice(1));
      const view = arena.buffer(5000).fill(97 + number);
      await wait(20 - number);
      assert.equal(currentArena(), arena);
      res.end(view);
    });
    const texts = Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const warnings = [];
    const warn = (warning) => warnings.push(warning);
    process.on('warning', warn);
    web.later(() => process.off('warning', warn));
    const socket = await web.connect(port, texts.join(''));
    const received = web.collect(socket);
    await until(() => received.text.split('t'.repeat(5000)).length === 2);
    const bodies = received.text.match(/([a-t])\1{4999}/g);
    assert.deepEqual(
      bodies.map((body) => body.charCodeAt(0) - 97),
      texts.map((_, i) => i),
    );
    await allGivenBack(arenas, 20);
    assert.equal(arenas.stats().peak, 20);
    assert.deepEqual(warnings, []);
  });

  it('where the client goes while pipelined requests stand in line', async () => {
    const go = deferred();
    let ended = 0;
    await serve(async (req, res) => {
      if (req.url === '/first') await go.promise;
      res.end(req.arena.buffer(1000).fill(1));
      ended++;
    });
    const get = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const socket = await web.connect(port, get('/first') + get('/second') + get('/third'));
    await until(() => ended === 2);
    assert.equal(arenas.stats().live, 3);
    socket.destroy();
    await until(() => arenas.stats().served === 2);
    assert.equal(arenas.stats().orphaned, 1);
    go.resolve();
    await allGivenBack(arenas, 3);
  });

  it('where the client went before the handler of a request in line was called', async () => {
    const [first, second] = [deferred(), deferred()];
    await serve((req) => (req.url === '/first' ? first.promise : undefined));
    server.removeAllListeners('request');
    const seen = [];
    server.on('request', async (req, res) => {
      seen.push(req.url);
      if (req.url === '/second') await second.promise;
      await handler(req, res);
      if (req.url === '/second') res.end();
    });
    const get = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const socket = await web.connect(port, get('/first') + get('/second'));
    await until(() => seen.length === 2);
    socket.destroy();
    await until(() => arenas.stats().orphaned === 1);
    second.resolve();
    await until(() => arenas.stats().served === 1);
    first.resolve();
    await allGivenBack(arenas, 2);
  });

  it('and nothing keeps it where its connection, with requests in line, goes on', async () => {
    const gone = [];
    await serve(async (req, res) => {
      gone.push(new WeakRef(req.arena));
      await wait(1);
      answer(req, res);
    });
    const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    const socket = await web.connect(port, get.repeat(8));
    await allGivenBack(arenas, 8);
    /* Not all: the connection's own async context has the first ones and the last one. */
    await until(() => {
      globalThis.gc();
      return gone.filter((ref) => !ref.deref()).length >= 4;
    });
    assert.equal(socket.destroyed, false);
  });

  it('where there is no socket, as in tests without a server', async () => {
    await serve((req, res) => res.end());
    const res = new http.ServerResponse({ method: 'GET' });
    handler({ socket: {} }, res);
    handler({}, new http.ServerResponse({ method: 'GET' })).emit('close');
    assert.equal(arenas.stats().live, 1);
    res.emit('close');
    await allGivenBack(arenas, 2);
  });

  it('on a connection that is used again, which keeps no listener', async () => {
    const sockets = new Set();
    const counts = new Set();
    await serve(async (req, res) => {
      sockets.add(req.socket);
      counts.add(req.socket.listenerCount('close'));
      answer(req, res, req.url);
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    web.later(() => agent.destroy());
    for (let i = 0; i < 20; i++) {
      assert.equal((await fetch(port, `/${i}`, { agent })).text, `/${i}`);
    }
    assert.equal(sockets.size, 1);
    assert.equal(counts.size, 1);
    await allGivenBack(arenas, 20);
    assert.equal(arenas.stats().peak, 1);
    assert.equal(arenas.stats().memory.arenas, 1);
  });

  it('where the server closes with requests in flight: close() waits, closeAllConnections() aborts', async () => {
    const go = deferred();
    await serve(async (req, res) => {
      await go.promise;
      answer(req, res, req.url);
    });
    const kept = fetch(port, '/kept');
    await until(() => arenas.stats().live === 1);
    server.close();
    const other = http.createServer((req, res) => handler(req, res));
    const broken = fetch(await listen(other), '/broken');
    await until(() => arenas.stats().live === 2);
    other.closeAllConnections();
    await assert.rejects(broken, /hang up/);
    await until(() => arenas.stats().orphaned === 1);
    assert.equal(arenas.stats().live, 2);
    go.resolve();
    assert.equal((await kept).text, '/kept');
    await allGivenBack(arenas, 2);
  });

  it('by a client that goes while it waits for one: its handler never runs', async () => {
    const go = deferred();
    const paths = [];
    await serve(
      async (req, res) => {
        paths.push(req.url);
        await go.promise;
        answer(req, res, req.url);
      },
      { maxConcurrent: 1 },
    );
    const first = fetch(port, '/first');
    await until(() => arenas.stats().live === 1);
    const second = request(port, '/second');
    await until(() => arenas.stats().waiting === 1);
    const third = fetch(port, '/third');
    await until(() => arenas.stats().waiting === 2);
    second.destroy();
    await until(() => arenas.stats().waiting === 1);
    go.resolve();
    assert.equal((await first).text, '/first');
    assert.equal((await third).text, '/third');
    assert.deepEqual(paths, ['/first', '/third']);
    await allGivenBack(arenas, 2);
  });

  it('by a client that goes while its pipelined requests wait for one', async () => {
    const go = deferred();
    const paths = [];
    await serve(
      async (req, res) => {
        paths.push(req.url);
        await go.promise;
        res.end();
      },
      { maxConcurrent: 1 },
    );
    const get = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const socket = await web.connect(port, get('/1') + get('/2') + get('/3'));
    await until(() => arenas.stats().waiting === 2);
    socket.destroy();
    await until(() => arenas.stats().orphaned === 1);
    assert.equal(arenas.stats().waiting, 0);
    go.resolve();
    await allGivenBack(arenas, 1);
    assert.deepEqual(paths, ['/1']);
  });

  it('which is bounded: maxConcurrent counts who has gone, maxQueue refuses with 503', async () => {
    const go = deferred();
    await serve(
      async (req, res) => {
        await go.promise;
        answer(req, res);
      },
      { maxConcurrent: 1, maxQueue: 1 },
    );
    const sent = request(port);
    await until(() => arenas.stats().live === 1);
    sent.destroy();
    await until(() => arenas.stats().orphaned === 1);
    const waits = fetch(port);
    await until(() => arenas.stats().waiting === 1);
    const refused = await fetch(port);
    assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
    go.resolve();
    assert.equal((await waits).text, 'ok');
    await allGivenBack(arenas, 2);
    assert.equal(arenas.stats().refused, 1);
  });

  it('never, where a handler does not end: a warning names label and route, not the query', async () => {
    const others = deferred();
    let view;
    await serve(
      async (req, res) => {
        if (req.url === '/other') {
          req.arena.buffer(1000).fill(2);
          answer(req, res);
          return;
        }
        view = req.arena.buffer(1000).fill(1);
        await others.promise;
      },
      { timeout: 30, label: 'uploads' },
    );
    const warned = once(process, 'warning');
    const sent = request(port, '/stuck?password=secret', { method: 'PUT' });
    const [warning] = await warned;
    assert.equal(warning.name, 'ArenaWarning');
    assert.equal(warning.code, 'WASM_ARENA_TIMEOUT');
    assert.match(warning.message, /^uploads PUT \/stuck: .* 30 ms$/);
    sent.destroy();
    await until(() => arenas.stats().orphaned === 1);
    for (let i = 0; i < 10; i++) await fetch(port, '/other');
    await until(() => arenas.stats().served === 10);
    assert.equal(arenas.stats().live, 1);
    assert.ok(view.every((byte) => byte === 1));
    others.resolve();
    await allGivenBack(arenas, 11);
  });

  it('by callbacks: res.end() declares the end of use, also when the client has gone', async () => {
    let finish;
    let view;
    await serve((req, res) => {
      view = req.arena.buffer(10).fill(1);
      finish = () => res.end(view);
    });
    const body = fetch(port);
    await until(() => finish);
    assert.equal(arenas.stats().live, 1);
    finish();
    assert.deepEqual([...(await body).body], Array(10).fill(1));
    await allGivenBack(arenas, 1);

    finish = undefined;
    const sent = request(port);
    await until(() => finish);
    sent.destroy();
    await until(() => arenas.stats().orphaned === 1);
    await wait(5);
    assert.ok(view.every((byte) => byte === 1));
    assert.equal(arenas.stats().live, 1);
    finish();
    await allGivenBack(arenas, 2);
  });

  for (const [where, wrapped] of Object.entries({
    'in front of the handler': true,
    'behind it': false,
  })) {
    it(`by callbacks whose res.end() is put off by code ${where}, as compression does`, async () => {
      const [ended, real] = [deferred(), deferred()];
      const putOff = (res) => {
        const { end } = res;
        res.end = () => {
          ended.resolve();
          real.promise.then(() => end.call(res));
        };
      };
      await serve((req, res) => {
        if (!wrapped) putOff(res);
        setTimeout(() => res.end(req.arena.buffer(10)), 1);
      });
      server.removeAllListeners('request');
      server.on('request', (req, res) => {
        if (wrapped) putOff(res);
        handler(req, res);
      });
      const sent = request(port);
      await ended.promise;
      assert.equal(arenas.stats().live, 1);
      sent.destroy();
      if (!wrapped) {
        await until(() => arenas.stats().orphaned === 1);
        real.resolve();
      }
      await allGivenBack(arenas, 1);
    });
  }

  it('where callbacks pass a stream on, by arena.free() if the client goes', async () => {
    const streamed = deferred();
    await serve((req, res) => {
      const chunk = req.arena.buffer(1000).fill(1);
      const endless = new Readable({ read: () => endless.push(chunk) });
      pipeline(endless, res).catch(() => streamed.resolve(req.arena));
    });
    const [response] = await once(request(port), 'response');
    response.destroy();
    const arena = await streamed.promise;
    await until(() => arenas.stats().orphaned === 1);
    arena.free();
    await allGivenBack(arenas, 1);
  });
});

describe('an arena of an upgraded connection is given back once', () => {
  const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
  const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

  let arenas;

  const serve = async (listener, options) => {
    arenas = new RequestArenas({ reserve: MIB, ...options });
    const server = http.createServer();
    server.on('upgrade', listener(arenas));
    return listen(server);
  };

  /** Echoes what comes, from the arena, until the client has ended. */
  const echo = async (arena, socket) => {
    socket.write(SWITCH);
    for await (const chunk of socket) {
      const bytes = arena.buffer(chunk.length);
      chunk.copy(bytes);
      socket.write(bytes);
    }
  };

  const talk = async (port) => {
    const socket = await web.connect(port, UPGRADE);
    const received = web.collect(socket);
    await until(() => received.text.includes('101'));
    for (const word of ['hello', 'again']) {
      socket.write(word);
      await until(() => received.text.endsWith(word));
    }
    return socket;
  };

  it('by a wrapped listener, when it has settled and the socket has closed', async () => {
    const port = await serve((arenas) =>
      arenas.wrap(async (req, socket) => {
        assert.equal(currentArena(), req.arena);
        await echo(req.arena, socket).catch(() => {});
        socket.end();
      }),
    );
    (await talk(port)).end();
    await allGivenBack(arenas, 1);
    (await talk(port)).resetAndDestroy();
    await allGivenBack(arenas, 2);
  });

  it('by a wrapped listener of callbacks, when it has called socket.end()', async () => {
    let finish;
    const port = await serve((arenas) =>
      arenas.wrap((req, socket) => {
        socket.write(SWITCH);
        socket.on('error', () => {});
        socket.on('data', (chunk) => socket.write(req.arena.from(chunk)));
        finish = () => socket.end();
      }),
    );
    const socket = await talk(port);
    finish();
    socket.end();
    await allGivenBack(arenas, 1);
    (await talk(port)).resetAndDestroy();
    await until(() => arenas.stats().orphaned === 1);
    finish();
    await allGivenBack(arenas, 2);
  });

  it('by run, when the job has settled', async () => {
    const port = await serve((arenas) => (req, socket) => {
      arenas
        .run(async (arena) => {
          assert.equal(currentArena(), arena);
          await echo(arena, socket);
        })
        .catch(() => {})
        .finally(() => socket.end());
    });
    (await talk(port)).end();
    await allGivenBack(arenas, 1);
    (await talk(port)).resetAndDestroy();
    await allGivenBack(arenas, 2);
  });

  it('and one that is refused hears of it by HTTP', async () => {
    const port = await serve((arenas) => arenas.wrap((req, socket) => echo(req.arena, socket)), {
      maxConcurrent: 1,
      maxQueue: 0,
    });
    const first = await talk(port);
    const second = await web.connect(port, UPGRADE);
    const received = web.collect(second);
    await once(second, 'end');
    assert.match(received.text, /^HTTP\/1\.1 503 .*\r\nConnection: close\r\n\r\n$/s);
    second.end();
    first.destroy();
    await until(() => arenas.stats().live === 0);
  });
});

describe('an arena in node:http2 is given back once', () => {
  let arenas;
  let server;
  let port;

  const serve = async (fn, options) => {
    arenas = new RequestArenas({ reserve: 64 * MIB, ...options });
    const handler = arenas.wrap(fn);
    server = http2.createServer((req, res) => handler(req, res)?.catch?.(() => {}));
    server.on('sessionError', () => {});
    port = await listen(server);
  };

  const open = () => {
    const client = http2.connect(`http://127.0.0.1:${port}`);
    client.on('error', () => {});
    web.later(() => client.destroy());
    return client;
  };

  const ask = (client, path) => {
    const stream = client.request({ ':path': path });
    stream.on('error', () => {});
    return stream;
  };

  const read = async (stream) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  it('after a normal end, many of them at a time on one connection', async () => {
    await serve(async (req, res) => {
      const number = Number(req.url.slice(1));
      const view = pattern(req.arena.buffer(50_000), number);
      await wait(number % 5);
      assert.equal(currentArena(), req.arena);
      if (number % 2) res.write(view);
      res.end(number % 2 ? undefined : view);
    });
    const client = open();
    const bodies = Array.from({ length: 40 }, async (_, i) => {
      const body = await read(ask(client, `/${i}`));
      assert.ok(body.equals(pattern(Buffer.alloc(50_000), i)), `request ${i}`);
    });
    await Promise.all(bodies);
    await allGivenBack(arenas, 40);
  });

  it('after a throw and a rejection', async () => {
    await serve(async (req, res) => {
      res.once('close', () => {});
      setTimeout(() => res.stream.destroy(), 5);
      await wait(1);
      throw new Error('mine');
    });
    await read(ask(open(), '/')).catch(() => {});
    await allGivenBack(arenas, 1);
  });

  it('when the handler has settled, where the client resets the stream or closes the session', async () => {
    const go = deferred();
    let begun = 0;
    await serve(async (req, res) => {
      const view = req.arena.buffer(1000).fill(1);
      if (req.url === '/writes') res.write(view);
      begun++;
      await go.promise;
      assert.ok(view.every((byte) => byte === 1));
      res.end(view);
    });
    const [first, second] = [open(), open()];
    const stream = ask(first, '/');
    const writes = ask(first, '/writes');
    ask(second, '/');
    await until(() => begun === 3);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => arenas.stats().orphaned === 1);
    writes.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => arenas.stats().orphaned === 2);
    second.destroy();
    await until(() => arenas.stats().orphaned === 3);
    assert.equal(arenas.stats().live, 3);
    go.resolve();
    await allGivenBack(arenas, 3);
  });

  it('by callbacks that call res.end() on a stream that was reset', async () => {
    let finish;
    await serve((req, res) => {
      finish = () => res.end();
    });
    const stream = ask(open(), '/');
    await until(() => finish);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => arenas.stats().orphaned === 1);
    await wait(5);
    assert.equal(arenas.stats().live, 1);
    finish();
    await allGivenBack(arenas, 1);
  });

  it('where the stream was reset before the handler was called', async () => {
    const go = deferred();
    const called = deferred();
    arenas = new RequestArenas({ reserve: MIB });
    const handler = arenas.wrap(async () => {
      await wait(1);
      called.resolve(arenas.stats().orphaned);
    });
    server = http2.createServer(async (req, res) => {
      res.once('close', () => go.resolve());
      await go.promise;
      await wait(1);
      handler(req, res);
    });
    port = await listen(server);
    const requested = once(server, 'request');
    const stream = ask(open(), '/');
    await requested;
    stream.close(http2.constants.NGHTTP2_CANCEL);
    assert.equal(await called.promise, 1);
    await allGivenBack(arenas, 1);
  });

  it('by a client that resets its stream while it waits for one', async () => {
    const go = deferred();
    await serve(
      async (req, res) => {
        assert.notEqual(req.url, '/second');
        await go.promise;
        res.end();
      },
      { maxConcurrent: 1 },
    );
    const client = open();
    ask(client, '/first');
    await until(() => arenas.stats().live === 1);
    const second = ask(client, '/second');
    await until(() => arenas.stats().waiting === 1);
    second.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => arenas.stats().waiting === 0);
    go.resolve();
    await allGivenBack(arenas, 1);
  });

  /*
   * Node.js emits 'close' of a stream that the server resets while the session's socket is still
   * written from the stream's buffers: a client that reads slowly got the bytes of who had them next.
   */
  for (const [what, end] of Object.entries({
    'the server destroys the stream': ({ stream }) => stream.destroy(),
    'the server destroys the stream with an error': ({ stream }) => stream.destroy(new Error('x')),
    'the server resets the stream': ({ stream }) => stream.close(8),
    'the server destroys the response': (res) => res.destroy(),
    'the server destroys the session': ({ stream }) => stream.session.destroy(),
    'the server closes the session and resets the stream': ({ stream }) => {
      stream.session.close();
      stream.destroy();
    },
    'the session times out': ({ stream: { session } }) =>
      session.setTimeout(20, () => session.destroy()),
  })) {
    for (const window of [2 ** 31 - 1, 6 * MIB]) {
      it(`when what was written was sent, where ${what}; window of ${window}`, async () => {
        const reset = deferred();
        await serve(async (req, res) => {
          res.on('error', () => {});
          res.stream.on('error', () => {});
          res.write(req.arena.buffer(8 * MIB).fill(65));
          await wait(10);
          end(res);
          reset.resolve();
        });
        const client = await web.rawHttp2(port, window);
        client.get(1);
        await reset.promise;
        await wait(50);
        const other = arenas.acquire();
        other.buffer(8 * MIB).fill(66);
        client.read();
        await until(() => client.socket.destroyed || client.resets);
        assert.ok(client.bytes[65] > 0);
        assert.equal(client.bytes[66], 0, 'bytes of another request were sent');
        assert.equal(client.bytes[0], 0, 'bytes were wiped before they were sent');
        other.free();
        await allGivenBack(arenas, 2);
      });
    }
  }

  for (const answersPings of [true, false]) {
    const says = answersPings ? 'the client says that it got all' : 'the connection closes, if not';
    it(`where streams are destroyed one after the other, when ${says}`, async () => {
      let resets = 0;
      await serve(async (req, res) => {
        res.write(req.arena.buffer(3 * MIB).fill(65));
        await wait(5);
        res.stream.destroy();
        resets++;
      });
      const client = await web.rawHttp2(port);
      client.answersPings = answersPings;
      for (const stream of [1, 3, 5]) client.get(stream);
      await until(() => resets === 3);
      client.read();
      await until(() => client.pings === (answersPings ? 2 : 1));
      if (!answersPings) {
        await wait(5);
        assert.deepEqual([arenas.stats().live, arenas.stats().orphaned], [3, 0]);
        client.socket.destroy();
      }
      await allGivenBack(arenas, 3);
      await wait(5);
      assert.equal(client.pings, answersPings ? 2 : 1);
    });
  }

  it('where the session is said to be closed before its stream is', async () => {
    const session = new EventEmitter();
    const stream = { session, headersSent: true, writableFinished: false };
    const res = Object.assign(new EventEmitter(), { stream });
    arenas = new RequestArenas({ reserve: MIB });
    await arenas.wrap(async () => {})({}, res);
    session.emit('close');
    assert.equal(arenas.stats().live, 1);
    res.emit('close');
    await allGivenBack(arenas, 1);
  });

  it('where no byte was written: a stream that is reset asks nothing of the client', async () => {
    const client = deferred();
    await serve(async (req, res) => {
      req.arena.buffer(10);
      await wait(1);
      res.stream.destroy();
    });
    client.raw = await web.rawHttp2(port);
    client.raw.read();
    client.raw.get(1);
    await allGivenBack(arenas, 1);
    await until(() => client.raw.resets === 1);
    assert.equal(client.raw.pings, 0);
  });
});

describe('a body in arena memory arrives as it was written', () => {
  const COUNT = 6;
  const AT_ONCE = 3;
  const SIZE = 6 * MIB;
  const PIECE = 2 ** 16;

  /** What writes a whole body, each in another way: none of them copies. */
  const ways = {
    'at once, by res.end': async (res, body) => {
      res.end(body);
    },
    'in pieces, without a look at what is buffered': async (res, body) => {
      for (let at = 0; at < body.length; at += PIECE) res.write(body.subarray(at, at + PIECE));
      res.end();
    },
    'in pieces, each when the one before was drained': async (res, body) => {
      for (let at = 0; at < body.length; at += PIECE) {
        if (!res.write(body.subarray(at, at + PIECE))) await once(res, 'drain');
      }
      res.end();
    },
    'by stream.pipeline': async (res, body) => {
      const pieces = [];
      for (let at = 0; at < body.length; at += PIECE) pieces.push(body.subarray(at, at + PIECE));
      await pipeline(Readable.from(pieces), res);
    },
  };

  const expected = Array.from({ length: COUNT }, (_, seed) =>
    web.hash(pattern(Buffer.alloc(SIZE), seed)),
  );

  /** Reads slowly: the server has most of it in its buffers when its handler is long done. */
  const slowly = async (stream) => {
    const chunks = [];
    for await (const chunk of stream) {
      chunks.push(chunk);
      if (chunks.length % 32 === 0) await wait(1);
    }
    return web.hash(Buffer.concat(chunks));
  };

  for (const protocol of ['http', 'http2']) {
    for (const [how, send] of Object.entries(ways)) {
      it(`over ${protocol}: ${how}, to slow readers under load`, async () => {
        const arenas = new RequestArenas({ reserve: 64 * MIB, maxConcurrent: AT_ONCE });
        const handler = arenas.wrap(async (req, res) => {
          const body = pattern(req.arena.buffer(SIZE), Number(req.url.slice(1)));
          await send(res, body);
        });
        const create = protocol === 'http' ? http.createServer : http2.createServer;
        const port = await listen(create({ maxSessionMemory: 1000 }, handler));
        let get = async (path) => (await once(request(port, path), 'response'))[0];
        if (protocol === 'http2') {
          const client = http2.connect(`http://127.0.0.1:${port}`);
          web.later(() => client.destroy());
          get = async (path) => client.request({ ':path': path });
        }
        const hashes = expected.map(async (_, seed) => {
          const stream = await get(`/${seed}`);
          await until(() => arenas.stats().peak === AT_ONCE);
          return slowly(stream);
        });
        assert.deepEqual(await Promise.all(hashes), expected);
        await allGivenBack(arenas, COUNT);
        assert.equal(arenas.stats().peak, AT_ONCE);
      });
    }
  }
});

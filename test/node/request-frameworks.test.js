import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { Readable } from 'node:stream';
import connect from 'connect';
import express5 from 'express';
import express4 from 'express4';
import fastify from 'fastify';
import Koa from 'koa';
import { currentArena, RequestArenas } from '../../js/node.js';
import {
  allGivenBack,
  deferred,
  fetch,
  later,
  listen,
  request,
  stop,
  until,
  wait,
} from './http.js';

const MIB = 2 ** 20;

/** What an application does with an error: 413 for a request that wants too much. */
function statusOf(error) {
  if (error.statusCode) return error.statusCode;
  return error.code === 'ERR_ARENA_OUT_OF_MEMORY' ? 413 : 500;
}

/** Text in arena memory. */
function textIn(arena, text) {
  const buffer = arena.buffer(text.length);
  buffer.write(text);
  return buffer;
}

const connectApp = () => {
  const app = connect();
  app.get = app.use;
  return app;
};

afterEach(() => stop());

for (const [name, create] of Object.entries({
  'Express 5': express5,
  'Express 4': express4,
  Connect: connectApp,
})) {
  /** Of Express 4 and Connect: a rejection goes to nobody. */
  const hearsRejections = name === 'Express 5';

  describe(`${name} with wrapped handlers`, () => {
    let arenas;
    let app;
    let errors;

    beforeEach(() => {
      arenas = new RequestArenas({ reserve: 16 * MIB, limit: MIB });
      app = create();
      errors = [];
    });

    const serve = () => {
      app.use((error, req, res, next) => {
        errors.push(error);
        if (res.headersSent) return next(error);
        res.statusCode = statusOf(error);
        return res.end(error.message);
      });
      return listen(http.createServer(app));
    };

    it('each request has its own as req.arena and currentArena(), across awaits', async () => {
      const seen = new Set();
      app.get(
        '/',
        arenas.wrap(async (req, res) => {
          const { arena } = req;
          seen.add(arena);
          const text = textIn(arena, req.url);
          for (let i = 0; i < 3; i++) {
            await wait(1);
            assert.equal(currentArena(), arena);
            assert.equal(req.arena, arena);
          }
          res.end(text);
        }),
      );
      const port = await serve();
      const paths = Array.from({ length: 20 }, (_, i) => `/?${i}`);
      const bodies = await Promise.all(paths.map(async (path) => (await fetch(port, path)).text));
      assert.deepEqual(bodies, paths);
      assert.equal(seen.size, 20);
      await allGivenBack(arenas, 20);
    });

    it('a limit is an error that the error handler makes 413', async () => {
      app.get(
        '/',
        arenas.wrap((req, res) => {
          res.end(req.arena.buffer(2 * MIB));
        }),
      );
      const { status, text } = await fetch(await serve());
      assert.equal(status, 413);
      assert.match(text, /out of memory|1048576/i);
      assert.equal(errors[0].label, 'request');
      await allGivenBack(arenas, 1);
    });

    it('an error goes to the error handler: thrown, passed to next, rejected', async () => {
      const mine = new Error('mine');
      const handlers = {
        thrown() {
          throw mine;
        },
        passed: (req, res, next) => next(mine),
        'passed later': (req, res, next) => setTimeout(() => next(mine), 1),
        'passed by async code': async (req, res, next) => {
          await wait(1);
          next(mine);
        },
      };
      if (hearsRejections) {
        handlers.rejected = async () => {
          await wait(1);
          throw mine;
        };
      }
      let handler;
      app.get(
        '/',
        arenas.wrap((...args) => handler(...args)),
      );
      const port = await serve();
      let count = 0;
      for (const [how, fn] of Object.entries(handlers)) {
        handler = fn;
        const { status, text } = await fetch(port);
        assert.deepEqual([status, text], [500, 'mine'], how);
        await allGivenBack(arenas, ++count);
      }
      assert.ok(errors.length === count && errors.every((error) => error === mine));
    });

    it('a client that has gone: kept until the async handler settles', async () => {
      const go = deferred();
      let view;
      app.get(
        '/',
        arenas.wrap(async (req, res) => {
          view = req.arena.buffer(100).fill(7);
          await go.promise;
          assert.ok(view.every((byte) => byte === 7));
          res.end(view);
        }),
      );
      const port = await serve();
      const sent = request(port);
      await until(() => view);
      sent.destroy();
      await until(() => arenas.stats().orphaned === 1);
      go.resolve();
      await allGivenBack(arenas, 1);
      assert.deepEqual(errors, []);
    });

    it('a client that has gone: kept until callbacks call next(error), whoever drops that', async () => {
      let fail;
      app.get(
        '/',
        arenas.wrap((req, res, next) => {
          fail = () => next(new Error('mine'));
        }),
      );
      const dropped = deferred();
      app.use((error, req, res, next) => (res.destroyed ? dropped.resolve(error) : next(error)));
      const sent = request(await serve());
      await until(() => fail);
      sent.destroy();
      await until(() => arenas.stats().orphaned === 1);
      fail();
      assert.equal((await dropped.promise).message, 'mine');
      await allGivenBack(arenas, 1);
    });

    it('handlers behind next() have it until the response has ended and closed', async () => {
      const go = deferred();
      let view;
      app.use(
        arenas.wrap(async (req, res, next) => {
          await wait(1);
          next();
        }),
      );
      app.get('/', async (req, res) => {
        view = textIn(req.arena, 'behind');
        await go.promise;
        assert.equal(view.toString(), 'behind');
        assert.equal(currentArena(), req.arena);
        res.end(view);
      });
      const port = await serve();
      const body = fetch(port);
      await until(() => view);
      assert.equal(arenas.stats().live, 1);
      go.resolve();
      assert.equal((await body).text, 'behind');
      await allGivenBack(arenas, 1);
    });

    it('handlers behind next() have it where the client has gone, before and after that', async () => {
      for (const when of ['before', 'after']) {
        const [before, go] = [deferred(), deferred()];
        let view;
        let entered = false;
        const served = arenas.stats().served;
        app = create();
        app.use(
          arenas.wrap(async (req, res, next) => {
            entered = true;
            await before.promise;
            next();
            await wait(1);
          }),
        );
        app.get('/', async (req, res) => {
          view = req.arena.buffer(100).fill(7);
          await go.promise;
          res.end();
        });
        const sent = request(await serve());
        await until(() => entered);
        if (when === 'after') before.resolve();
        if (when === 'after') await until(() => view);
        sent.destroy();
        await until(() => arenas.stats().orphaned === 1);
        before.resolve();
        await until(() => view);
        await wait(5);
        assert.deepEqual([arenas.stats().live, arenas.stats().orphaned], [1, 1], when);
        assert.ok(view.every((byte) => byte === 7));
        go.resolve();
        await allGivenBack(arenas, served + 1);
      }
    });

    it('nested ones have an arena each, and all are given back, also by an error', async () => {
      const found = [];
      const mine = new Error('mine');
      const go = deferred();
      app.use(
        arenas.wrap((req, res, next) => {
          found.push(req.arena);
          next();
        }),
      );
      app.get(
        '/',
        arenas.wrap(async (req, res, next) => {
          found.push(req.arena);
          assert.equal(currentArena(), req.arena);
          if (req.url !== '/?error') {
            res.end(textIn(req.arena, 'inner'));
            return;
          }
          await go.promise;
          next(mine);
        }),
      );
      app.use(arenas.errorMiddleware());
      /* As the frameworks' own do: an error of a response that has closed is dropped. */
      app.use((error, req, res, next) => (res.destroyed ? errors.push(error) : next(error)));
      const port = await serve();
      assert.equal((await fetch(port)).text, 'inner');
      assert.equal(new Set(found).size, 2);
      await allGivenBack(arenas, 2);
      const sent = request(port, '/?error');
      await until(() => found.length === 4);
      sent.destroy();
      await until(() => arenas.stats().orphaned === 2);
      go.resolve();
      await allGivenBack(arenas, 4);
      assert.deepEqual(errors, [mine]);
    });

    it('waits for one of maxConcurrent, and errors go the same ways as without', async () => {
      arenas = new RequestArenas({ reserve: MIB, maxConcurrent: 1, maxQueue: 1 });
      const go = deferred();
      app.get(
        '/',
        arenas.wrap((req, res) => {
          if (req.url === '/?throws') throw new Error('mine');
          go.promise.then(() => res.end(textIn(req.arena, 'first')));
        }),
      );
      const port = await serve();
      const first = fetch(port);
      await until(() => arenas.stats().live === 1);
      const waits = fetch(port, '/?throws');
      await until(() => arenas.stats().waiting === 1);
      const refused = await fetch(port);
      assert.equal(refused.status, 503);
      go.resolve();
      assert.equal((await first).text, 'first');
      const { status, text } = await waits;
      assert.deepEqual([status, text], [500, 'mine']);
      await allGivenBack(arenas, 2);
      assert.deepEqual(
        errors.map(({ code, message }) => code ?? message),
        ['ERR_ARENA_OUT_OF_MEMORY', 'mine'],
      );
    });
  });

  describe(`${name} with middleware`, () => {
    let arenas;
    let app;
    let errors;

    beforeEach(() => {
      arenas = new RequestArenas({ reserve: 16 * MIB, limit: MIB });
      app = create();
      errors = [];
      app.use(arenas.middleware());
    });

    const serve = () => {
      app.use(arenas.errorMiddleware());
      app.use((error, req, res, next) => {
        errors.push(error);
        if (res.destroyed) return undefined;
        if (res.headersSent) return next(error);
        res.statusCode = statusOf(error);
        return res.end(error.message);
      });
      return listen(http.createServer(app));
    };

    it('every request has one, as req.arena and currentArena() across awaits', async () => {
      app.use(async (req, res) => {
        const { arena } = req;
        await wait(1);
        assert.equal(currentArena(), arena);
        res.end(textIn(arena, req.url));
      });
      const port = await serve();
      const paths = Array.from({ length: 20 }, (_, i) => `/?${i}`);
      const bodies = await Promise.all(paths.map(async (path) => (await fetch(port, path)).text));
      assert.deepEqual(bodies, paths);
      await allGivenBack(arenas, 20);
    });

    it('errors, limits included, go through errorMiddleware to the error handler', async () => {
      app.use((req) => req.arena.buffer(2 * MIB));
      assert.equal((await fetch(await serve())).status, 413);
      await allGivenBack(arenas, 1);
    });

    for (const [how, end] of Object.entries({
      'res.end()': ({ res }) => res.end(),
      'next(error)': ({ next }) => next(new Error('mine')),
      'arena.free()': ({ arena }) => arena.free(),
    })) {
      it(`where the client has gone it is put aside until ${how}`, async () => {
        let handler;
        app.use((req, res, next) => {
          handler = { res, next, arena: req.arena, view: req.arena.buffer(100).fill(7) };
        });
        const port = await serve();
        const sent = request(port);
        await until(() => handler);
        sent.destroy();
        await until(() => arenas.stats().orphaned === 1);
        const others = Array.from({ length: 5 }, () => arenas.run((arena) => arena.buffer(1000)));
        await Promise.all(others);
        assert.ok(handler.view.every((byte) => byte === 7));
        assert.equal(arenas.stats().live, 1);
        end(handler);
        await allGivenBack(arenas, 6);
      });
    }

    it('holds others back, and one whose client goes while it waits is forgotten', async () => {
      arenas = new RequestArenas({ reserve: MIB, maxConcurrent: 1 });
      app = create();
      app.use(arenas.middleware());
      const ends = [];
      app.use((req, res) => ends.push(() => res.end(textIn(req.arena, req.url))));
      const port = await serve();
      const first = fetch(port, '/1');
      await until(() => ends.length === 1);
      const gone = request(port, '/2');
      await until(() => arenas.stats().waiting === 1);
      const third = fetch(port, '/3');
      await until(() => arenas.stats().waiting === 2);
      gone.destroy();
      await until(() => arenas.stats().waiting === 1);
      ends[0]();
      assert.equal((await first).text, '/1');
      await until(() => ends.length === 2);
      ends[1]();
      assert.equal((await third).text, '/3');
      await allGivenBack(arenas, 2);
    });
  });
}

for (const [name, express] of Object.entries({ 'Express 5': express5, 'Express 4': express4 })) {
  describe(`${name}'s routers`, () => {
    it("next('route') and next('router') are no errors: others answer with the arena", async () => {
      const arenas = new RequestArenas({ reserve: MIB });
      const app = express();
      const router = express.Router();
      router.get(
        '/route',
        arenas.wrap((req, res, next) => next('route')),
        () => assert.fail('skipped by next("route")'),
      );
      router.get('/route', async (req, res) => {
        await wait(5);
        res.end(textIn(req.arena, 'the next route'));
      });
      router.get(
        '/router',
        arenas.wrap(async (req, res, next) => next('router')),
      );
      router.get('/router', () => assert.fail('skipped by next("router")'));
      app.use('/sub', router);
      app.get('/sub/router', async (req, res) => {
        await wait(5);
        res.end(textIn(req.arena, 'the next router'));
      });
      const port = await listen(http.createServer(app));
      assert.equal((await fetch(port, '/sub/route')).text, 'the next route');
      assert.equal((await fetch(port, '/sub/router')).text, 'the next router');
      await allGivenBack(arenas, 2);
    });

    it("next('route') by one whose client has gone waits for res.end()", async () => {
      const arenas = new RequestArenas({ reserve: MIB });
      const app = express();
      let finish;
      app.get(
        '/',
        arenas.wrap((req, res, next) => next('route')),
      );
      app.get('/', (req, res) => {
        finish = () => res.end();
      });
      const sent = request(await listen(http.createServer(app)));
      await until(() => finish);
      sent.destroy();
      await until(() => arenas.stats().orphaned === 1);
      finish();
      await allGivenBack(arenas, 1);
    });

    it('a warning names the route as it was declared, without what was in its place', async () => {
      const arenas = new RequestArenas({ reserve: MIB, timeout: 5 });
      const app = express();
      const router = express.Router();
      const go = deferred();
      router.get(
        '/:secret',
        arenas.wrap(async (req, res) => {
          await go.promise;
          res.end();
        }),
      );
      app.use('/users', router);
      const warned = once(process, 'warning');
      const body = fetch(await listen(http.createServer(app)), '/users/1234?token=5678');
      const [{ message }] = await warned;
      assert.match(message, /^request GET \/users\/:secret: /);
      go.resolve();
      await body;
      await allGivenBack(arenas, 1);
    });
  });
}

describe('Koa', () => {
  const serve = async (arenas, ...middleware) => {
    const app = new Koa();
    app.silent = true;
    for (const each of middleware) app.use(each);
    return listen(http.createServer(arenas.wrap(app.callback())));
  };

  it('has ctx.req.arena where its callback is wrapped, until the body was sent', async () => {
    const arenas = new RequestArenas({ reserve: 64 * MIB });
    const port = await serve(arenas, async (ctx, next) => {
      await next();
      await wait(1);
      assert.equal(currentArena(), ctx.req.arena);
      ctx.body = ctx.req.arena.buffer(8 * MIB).fill(7);
    });
    const [response] = await once(request(port), 'response');
    await wait(10);
    assert.equal(arenas.stats().live, 1);
    let size = 0;
    for await (const chunk of response) {
      assert.ok(chunk.every((byte) => byte === 7));
      size += chunk.length;
    }
    assert.equal(size, 8 * MIB);
    await allGivenBack(arenas, 1);
  });

  it('answers 413 by its own error handling, and gives back after errors', async () => {
    const arenas = new RequestArenas({ reserve: 4 * MIB, limit: MIB });
    const port = await serve(
      arenas,
      async (ctx, next) => {
        try {
          await next();
        } catch (error) {
          if (error.message === 'mine') throw error;
          ctx.status = statusOf(error);
        }
      },
      (ctx) => {
        if (ctx.url === '/error') throw new Error('mine');
        ctx.body = ctx.req.arena.buffer(2 * MIB);
      },
    );
    assert.equal((await fetch(port)).status, 413);
    assert.equal((await fetch(port, '/error')).status, 500);
    await allGivenBack(arenas, 2);
  });

  it('keeps it while a handler awaits whose client has gone', async () => {
    const arenas = new RequestArenas({ reserve: MIB });
    const go = deferred();
    let view;
    const port = await serve(arenas, async (ctx) => {
      view = ctx.req.arena.buffer(100).fill(7);
      await go.promise;
      ctx.body = view;
    });
    const sent = request(port);
    await until(() => view);
    sent.destroy();
    await until(() => arenas.stats().orphaned === 1);
    assert.ok(view.every((byte) => byte === 7));
    go.resolve();
    await allGivenBack(arenas, 1);
  });
});

describe('Fastify', () => {
  let arenas;
  let app;
  let logged;

  beforeEach(async () => {
    arenas = new RequestArenas({ reserve: 64 * MIB, limit: 8 * MIB });
    await create();
  });

  /** An application that keeps what it logs. */
  const create = async () => {
    logged = [];
    const stream = { write: (line) => logged.push(JSON.parse(line)) };
    app = fastify({ logger: { level: 'warn', stream } });
    later(() => app.close());
    await app.register(arenas.fastify());
  };

  const serve = async () => {
    await app.listen({ host: '127.0.0.1', port: 0 });
    return app.server.address().port;
  };

  it('each request has its own as request.arena and currentArena(), across awaits', async () => {
    app.get('/:number', async (request) => {
      const { arena } = request;
      await wait(1);
      assert.equal(currentArena(), arena);
      assert.equal(request.arena, arena);
      return textIn(arena, request.url);
    });
    const port = await serve();
    const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
    const bodies = await Promise.all(paths.map(async (path) => (await fetch(port, path)).text));
    assert.deepEqual(bodies, paths);
    await allGivenBack(arenas, 20);
    assert.deepEqual(logged, []);
  });

  it('a handler may return, send later, send and return, and be called for HEAD', async () => {
    app.get('/value', (request) => textIn(request.arena, 'value'));
    app.get('/later', (request, reply) => {
      setTimeout(() => reply.send(textIn(request.arena, 'later')), 1);
    });
    app.get('/reply', (request, reply) => reply.send(textIn(request.arena, 'reply')));
    app.get('/both', async (request, reply) => {
      await wait(1);
      reply.send(textIn(request.arena, 'both'));
      return reply;
    });
    app.get('/nothing', async (request) => {
      request.arena.buffer(1);
    });
    const port = await serve();
    const paths = ['value', 'later', 'reply', 'both'];
    for (const path of paths) assert.equal((await fetch(port, `/${path}`)).text, path);
    assert.equal((await fetch(port, '/nothing')).text, '');
    assert.equal((await fetch(port, '/value', { method: 'HEAD' })).headers['content-length'], '5');
    await allGivenBack(arenas, 6);
    assert.equal(arenas.stats().peak, 1);
    assert.deepEqual(logged, []);
  });

  it('a handler may also do so when it had to wait for an arena', async () => {
    arenas = new RequestArenas({ reserve: MIB, maxConcurrent: 1 });
    await create();
    const go = deferred();
    app.get('/first', async () => {
      await go.promise;
      return 'first';
    });
    app.get('/value', (request) => textIn(request.arena, 'value'));
    app.get('/later', (request, reply) => {
      setTimeout(() => reply.send(textIn(request.arena, 'later')), 5);
    });
    app.get('/reply', (request, reply) => reply.send(textIn(request.arena, 'reply')));
    app.get('/async', async (request) => {
      await wait(1);
      return textIn(request.arena, 'async');
    });
    app.get('/thrown', () => {
      throw new Error('thrown');
    });
    const port = await serve();
    const first = fetch(port, '/first');
    await until(() => arenas.stats().live === 1);
    const paths = ['value', 'later', 'reply', 'async', 'thrown'];
    const answers = paths.map((path) => fetch(port, `/${path}`));
    await until(() => arenas.stats().waiting === 5);
    const gone = request(port, '/value');
    await until(() => arenas.stats().waiting === 6);
    gone.destroy();
    await until(() => arenas.stats().waiting === 5);
    go.resolve();
    assert.equal((await first).text, 'first');
    const texts = (await Promise.all(answers)).map(({ text }) => text);
    assert.deepEqual(texts.slice(0, 4), paths.slice(0, 4));
    assert.equal(JSON.parse(texts[4]).message, 'thrown');
    await allGivenBack(arenas, 6);
    assert.deepEqual(
      logged.map(({ msg }) => msg),
      ['thrown'],
    );
  });

  it('errors go to its error handler: thrown, rejected, a limit, no room', async () => {
    arenas = new RequestArenas({ reserve: 4 * MIB, limit: MIB, maxConcurrent: 1, maxQueue: 0 });
    await create();
    app.setErrorHandler((error, request, reply) => {
      reply.code(statusOf(error)).send(`${error.label} ${error.code ?? error.message}`);
    });
    const go = deferred();
    app.get('/thrown', () => {
      throw new Error('mine');
    });
    app.get('/rejected', async () => {
      await wait(1);
      throw new Error('mine');
    });
    app.get('/limit', async (request) => request.arena.buffer(2 * MIB));
    app.get('/waits', async () => {
      await go.promise;
      return '';
    });
    const port = await serve();
    let count = 0;
    for (const [path, status, text] of [
      ['/thrown', 500, 'undefined mine'],
      ['/rejected', 500, 'undefined mine'],
      ['/limit', 413, 'request ERR_ARENA_OUT_OF_MEMORY'],
    ]) {
      const answer = await fetch(port, path);
      assert.deepEqual([answer.status, answer.text], [status, text]);
      await allGivenBack(arenas, ++count);
    }
    const waits = fetch(port, '/waits');
    await until(() => arenas.stats().live === 1);
    assert.equal((await fetch(port, '/thrown')).status, 503);
    go.resolve();
    await waits;
    await allGivenBack(arenas, 4);
  });

  it('a warning names the route as it was declared, without what was in its place', async () => {
    arenas = new RequestArenas({ reserve: MIB, timeout: 5 });
    await create();
    const go = deferred();
    app.get('/users/:secret', async () => {
      await go.promise;
      return 'ok';
    });
    const warned = once(process, 'warning');
    const body = fetch(await serve(), '/users/1234?token=5678');
    const [{ message }] = await warned;
    go.resolve();
    await body;
    assert.match(message, /^request GET \/users\/:secret: /);
    await allGivenBack(arenas, 1);
  });

  it('a route that was declared before the plug-in was loaded is told what to do', async () => {
    app = fastify();
    later(() => app.close());
    app.get('/', async (request) => request.arena.buffer(1));
    await app.register(arenas.fastify());
    const { statusCode, payload } = await app.inject('/');
    assert.equal(statusCode, 500);
    const { code, message } = JSON.parse(payload);
    assert.equal(code, 'ERR_ARENA_UNSUPPORTED');
    assert.match(message, /declared after `await app\.register`/);
    assert.equal(arenas.stats().served, 0);
  });

  it('plug-ins that are encapsulated have it, and one that loads it has it alone', async () => {
    app.register(
      async (inner) => {
        inner.get('/inner', async (request) => textIn(request.arena, 'inner'));
      },
      { prefix: '/sub' },
    );
    assert.equal((await app.inject('/sub/inner')).payload, 'inner');
    await allGivenBack(arenas, 1);

    app = fastify();
    later(() => app.close());
    app.register(async (inner) => {
      await inner.register(arenas.fastify());
      inner.get('/with', async (request) => textIn(request.arena, 'with'));
    });
    app.get('/without', async (request) => String(request.arena));
    assert.equal((await app.inject('/with')).payload, 'with');
    assert.equal((await app.inject('/without')).payload, 'undefined');
    await allGivenBack(arenas, 2);
  });

  it('hooks have it once the handler was called, and not before', async () => {
    const order = [];
    app.addHook('preHandler', async (request) => {
      order.push('preHandler');
      assert.throws(() => request.arena, { code: 'ERR_ARENA_UNSUPPORTED' });
    });
    app.addHook('onSend', async (request, reply, payload) => {
      order.push('onSend');
      await wait(1);
      const copy = request.arena.buffer(payload.length);
      payload.copy(copy);
      return copy;
    });
    app.addHook('onResponse', async () => order.push('onResponse'));
    app.get('/', async (request) => {
      order.push('handler');
      return textIn(request.arena, 'hooked');
    });
    const port = await serve();
    assert.equal((await fetch(port)).text, 'hooked');
    await allGivenBack(arenas, 1);
    await until(() => order.length === 4);
    assert.deepEqual(order, ['preHandler', 'handler', 'onSend', 'onResponse']);
  });

  it('requests that are injected have it, and give it back', async () => {
    app.post('/', async (request, reply) => {
      const bytes = request.arena.from(Buffer.from(request.body));
      reply.header('content-type', 'text/plain');
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    });
    for (let i = 1; i <= 3; i++) {
      const headers = { 'content-type': 'text/plain' };
      const { payload } = await app.inject({ method: 'POST', url: '/', headers, payload: `x${i}` });
      assert.equal(payload, `x${i}`);
      await allGivenBack(arenas, i);
    }
  });

  for (const [how, send] of Object.entries({
    'a buffer': (body) => body,
    'a stream': (body) => {
      const pieces = [];
      for (let at = 0; at < body.length; at += 65536) pieces.push(body.subarray(at, at + 65536));
      return Readable.from(pieces);
    },
  })) {
    it(`${how} on arena memory is sent before the arena is another's`, async () => {
      app.get('/:byte', async (request) =>
        send(request.arena.buffer(6 * MIB).fill(Number(request.params.byte))),
      );
      const port = await serve();
      const responses = [1, 2, 3].map((byte) => once(request(port, `/${byte}`), 'response'));
      for (const [i, [response]] of (await Promise.all(responses)).entries()) {
        await wait(5);
        let size = 0;
        for await (const chunk of response) {
          assert.ok(chunk.every((byte) => byte === i + 1));
          size += chunk.length;
        }
        assert.equal(size, 6 * MIB);
      }
      await allGivenBack(arenas, 3);
    });
  }

  it('where the client has gone it is kept until an async handler settles', async () => {
    const go = deferred();
    let view;
    app.get('/', async (request) => {
      view = request.arena.buffer(100).fill(7);
      await go.promise;
      assert.ok(view.every((byte) => byte === 7));
      return view;
    });
    const sent = request(await serve());
    await until(() => view);
    sent.destroy();
    await until(() => arenas.stats().orphaned === 1);
    go.resolve();
    await allGivenBack(arenas, 1);
  });

  it('where the client has gone it is kept until callbacks call reply.send', async () => {
    let finish;
    app.get('/', (request, reply) => {
      const view = request.arena.buffer(100).fill(7);
      finish = () => reply.send(view);
    });
    const sent = request(await serve());
    await until(() => finish);
    sent.destroy();
    await until(() => arenas.stats().orphaned === 1);
    await wait(5);
    assert.equal(arenas.stats().live, 1);
    finish();
    await allGivenBack(arenas, 1);
  });
});

import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { createHistogram } from 'node:perf_hooks';
import {
  arenaError,
  badArgument,
  checkMost,
  checkOptions,
  checkSize,
  outOfMemory,
  show,
  unsupported,
} from './errors.js';
import { ArenaMemory, refusal } from './memory.js';
import { dissolve, giveWay, kept, newSlot, occupy, vacate } from './request-arena.js';
import { begin, endUse, passOn, stopped } from './request-lifetime.js';
import { whenClosed } from './response-end.js';

const RESERVE = 2 ** 30;
const LIMIT = 2 ** 24;
const VIEWS = 128;

/**
 * The share of a memory's maximum that arenas keep between requests. More makes nothing faster;
 * what a request needs and others keep, they give back.
 */
const KEPT_SHARE = 1 / 8;

/** Of Node.js: the longest time that a timer can have, in ms. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** @typedef {import('./request-arena.js').RequestArena} RequestArena */
/** @typedef {import('./request-arena.js').Slot} Slot */

/**
 * @typedef {object} RequestArenasOptions
 * @property {number} [limit] most bytes that one arena uses at once, padding included; default 16 MiB
 * @property {number} [reserve] bytes of linear memory, all arenas together; default 1 GiB. What no
 *   request touches costs no RAM.
 * @property {number} [maximum] most bytes that the memory may grow to; default: `reserve`, so that
 *   it never grows and no view ever goes stale. Where it is more, a growth in one request makes the
 *   views of all others stale, in the middle of their work.
 * @property {boolean} [zero] every byte of a block reads 0 when it is handed out; default true
 * @property {number} [views] most views that are cached for the next request; default 128
 * @property {number} [maxConcurrent] most arenas at a time, at least 1, orphaned ones included; default:
 *   no bound
 * @property {number} [maxQueue] how many wait for one of those; what is beyond is refused; default:
 *   no bound; 0 refuses at once
 * @property {number} [timeout] milliseconds after which a request or job whose arena was not given
 *   back is named by a process warning; the arena stays its own. Default: never
 * @property {string} [label] names the arenas in errors and warnings; default 'request'
 * @property {WebAssembly.Module} [module] the compiled module (`wasm-arena/arena.wasm`)
 */

/**
 * @typedef {object} RequestArenasStats
 * @property {number} live arenas that were handed out and not given back
 * @property {number} orphaned those of them whose response is closed, while the handler may still
 *   use them
 * @property {number} waiting requests that wait for an arena
 * @property {number} peak the most that were live at once
 * @property {number} served arenas that were given back
 * @property {number} refused requests that got no arena, because of `maxConcurrent` or the memory
 * @property {number} limited allocations that were refused, by `limit` or by the memory
 * @property {number} growths how often the memory grew
 * @property {{ p50: number, p95: number, p99: number }} bytes the most that an arena used at once,
 *   over all that were given back; within 1 %
 * @property {import('./memory.js').ArenaMemoryStats} memory
 */

/** @type {AsyncLocalStorage<RequestArena>} */
const storage = new AsyncLocalStorage();

const acquired = channel('wasm-arena:acquire');
const released = channel('wasm-arena:release');
const limited = channel('wasm-arena:limit');

/** Where wrapped routes of Fastify find their arena. */
const ARENA = Symbol('arena');

/**
 * The arena of the innermost `run`, wrapped handler or middleware that this code was called from,
 * across every `await`. It is freed when that is over.
 *
 * @returns {RequestArena | undefined}
 * @example
 * await arenas.run(async () => {
 *   await something();
 *   currentArena().float64(1000);
 * });
 */
export function currentArena() {
  return storage.getStore();
}

/**
 * An arena for each request or job, all in one memory. It is given back exactly once, and never
 * while the request may still use it.
 *
 * Messages on `diagnostics_channel`: `wasm-arena:acquire` { arenas, arena }, `wasm-arena:release`
 * { arenas, arena, bytes }, `wasm-arena:limit` { arenas, arena, size }, where `arena` is undefined
 * for a request that got none.
 *
 * @example
 * const arenas = new RequestArenas();
 * http.createServer(arenas.wrap(async (req, res) => {
 *   const line = req.arena.buffer(64);
 *   const size = line.write(`hello, ${req.url}`);
 *   res.end(line.subarray(0, size));
 * })).listen(8080);
 */
export class RequestArenas {
  /**
   * @param {RequestArenasOptions} [options]
   * @throws ERR_ARENA_ARGUMENT, ERR_ARENA_SIZE options that are none
   * @throws ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_UNSUPPORTED the memory can't be made
   */
  constructor(options = {}) {
    checkOptions(options, { zero: 'boolean', label: 'string' });
    const { limit = LIMIT, zero = true, views = VIEWS, label = 'request', module } = options;
    if (options.maximum !== undefined) checkSize(options.maximum, 'maximum');
    const { reserve = Math.min(RESERVE, options.maximum ?? RESERVE), maximum = reserve } = options;
    const { maxConcurrent = Infinity, maxQueue = Infinity, timeout = 0 } = options;
    checkSize(limit, 'limit');
    checkSize(reserve, 'reserve');
    checkSize(views, 'views');
    if (maxConcurrent !== Infinity) checkSize(maxConcurrent, 'maxConcurrent');
    if (!maxConcurrent)
      throw arenaError(RangeError, 'ERR_ARENA_SIZE', 'maxConcurrent must be at least 1');
    if (maxQueue !== Infinity) checkSize(maxQueue, 'maxQueue');
    checkSize(timeout, 'timeout');
    checkMost(timeout, 'timeout', LONGEST_TIMEOUT);
    const onGrow = () => this._grew();

    /**
     * The memory of all its arenas.
     * @readonly
     */
    this.memory = new ArenaMemory({ reserve, maximum, module, onGrow });
    /** The name of its arenas in errors and warnings. */
    this.label = label;
    /** @internal */
    this._limit = limit;
    /** @internal */
    this._maxViews = views;
    /** @internal */
    this._zero = zero;
    /** @internal */
    this._maxConcurrent = maxConcurrent;
    /** @internal */
    this._maxQueue = maxQueue;
    /** @internal */
    this._timeout = timeout;
    /** @internal @type {Slot[]} what the next requests get, the last one first */
    this._idle = [];
    /** @internal bytes that those keep */
    this._kept = 0;
    /** @internal @type {Set<{ resolve: Function, reject: Function }>} who waits, in that order */
    this._queue = new Set();
    /** @internal */
    this._live = 0;
    /** @internal */
    this._orphaned = 0;
    /** @internal */
    this._peak = 0;
    /** @internal */
    this._served = 0;
    /** @internal */
    this._turnedAway = 0;
    /** @internal */
    this._limited = 0;
    /** @internal */
    this._hasGrown = false;
    /** @internal */
    this._bytes = createHistogram({ lowest: 1, highest: 2 ** 32, figures: 2 });
  }

  /**
   * An arena that the caller gives back, by `free()` or by `using`. It is not the current one of
   * any code; `run` and `wrap` give back what they hand out themselves.
   *
   * @returns {RequestArena}
   * @throws ERR_ARENA_OUT_OF_MEMORY `maxConcurrent` of them are live, or there is no memory for one
   * @example
   * const arena = arenas.acquire();
   * try {
   *   arena.float64(1000);
   * } finally {
   *   arena.free();
   * }
   */
  acquire() {
    if (this._isFull()) throw this._turnAway(`maxConcurrent of ${this._maxConcurrent}`);
    return this._occupy();
  }

  /**
   * Runs any async job in an arena of its own, which is given back when the job settles.
   *
   * @template T
   * @param {(arena: RequestArena) => T | PromiseLike<T>} fn
   * @returns {Promise<T>} what `fn` returns, or throws
   * @throws ERR_ARENA_OUT_OF_MEMORY (the promise is rejected) there is no arena, and no wait for one
   * @throws ERR_ARENA_ARGUMENT no function
   * @example
   * const sum = await arenas.run(async (arena) => {
   *   const bytes = arena.buffer(1024);
   *   const { bytesRead } = await file.read(bytes);
   *   return bytes.subarray(0, bytesRead).reduce((sum, byte) => sum + byte, 0);
   * });
   */
  async run(fn) {
    checkFunction(fn);
    const arena = this._isFull() ? await this._wait() : this._occupy();
    this._watch(arena);
    try {
      return await storage.run(arena, fn, arena);
    } finally {
      arena.free();
    }
  }

  /**
   * Gives each call of a handler an arena, as `req.arena` and as `currentArena()`: for node:http,
   * node:http2, Express, Connect, and for listeners of 'upgrade'. It is given back when the handler
   * has settled and the response has closed. What the handler returns or throws is passed on.
   *
   * An async handler settles when its promise does. One that returns something else before its
   * response has ended, or that calls `next()`, leaves the rest to code that cannot be seen: then
   * `res.end()` declares the end of use, as with `middleware`.
   *
   * @template {(req: any, res: any, next?: any) => any} Handler
   * @param {Handler} handler
   * @returns {(...args: Parameters<Handler>) => ReturnType<Handler> | Promise<any>}
   * @throws ERR_ARENA_ARGUMENT no function
   * @example
   * app.post('/sum', arenas.wrap(async (req, res) => {
   *   const body = req.arena.uint8(Number(req.headers['content-length']));
   *   // …
   * }));
   */
  wrap(handler) {
    checkFunction(handler);
    const arenas = this;
    /**
     * @this {any}
     * @param {any} req
     * @param {any} res
     * @param {any} next
     */
    function wrapped(req, res, next) {
      const call = (/** @type {any} */ arena) => {
        hand(arena, req);
        return handler.call(
          this,
          req,
          res,
          typeof next === 'function' ? passOn(arena, next) : next,
        );
      };
      const turnAway = (/** @type {any} */ error) => answerRefused(error, res, next);
      return arenas._serve(req, res, call, turnAway, typeof next === 'function' ? next : rethrow);
    }
    return /** @type {any} */ (wrapped);
  }

  /**
   * For Express and Connect, where handlers can't be wrapped: each request gets an arena, as
   * `req.arena` and as `currentArena()`. When the handlers settle cannot be seen. So `res.end()`
   * declares the end of use, and the arena is given back when the response closes. Where the
   * response closes first, because the client has gone, the arena is put aside until the handler
   * calls `res.end()` or `arena.free()`, or `next(error)` reaches `errorMiddleware()`.
   *
   * @returns {(req: any, res: any, next: (error?: any) => void) => void}
   */
  middleware() {
    return (req, res, next) => {
      const call = (/** @type {any} */ arena) => {
        hand(arena, req);
        next();
      };
      this._serve(req, res, call, next, next);
    };
  }

  /**
   * The other half of `middleware`, used after the routes: an error that gets here is the end of use,
   * and goes on to the next error handler.
   *
   * @returns {(error: any, req: any, res: any, next: (error?: any) => void) => void}
   */
  errorMiddleware() {
    return (error, req, res, next) => {
      for (let { arena } = req; arena; arena = arena._outer) {
        if (arena._owner === this) endUse(arena);
      }
      next(error);
    };
  }

  /**
   * A plug-in for Fastify: wraps the handlers of all routes that are declared after it was loaded
   * (`await app.register(arenas.fastify())`) and gives each request its `request.arena`.
   *
   * @returns {(app: any, options: any, done: (error?: Error) => void) => void}
   */
  fastify() {
    const plugin = (/** @type {any} */ app, /** @type {any} */ _, /** @type {any} */ done) => {
      app.decorateRequest('arena', { getter: arenaOfRequest });
      app.addHook('onRoute', (/** @type {any} */ route) => {
        const { handler } = route;
        const arenas = this;
        route.handler = function (/** @type {any} */ request, /** @type {any} */ reply) {
          let answers = true;
          const call = (/** @type {any} */ arena) => {
            request[ARENA] = arena;
            const result = handler.call(this, request, reply);
            answers = result !== undefined;
            return result;
          };
          const served = arenas._serve(request, reply.raw, call, rethrow, rethrow);
          if (request[ARENA]) return served;
          /* It waits. Fastify answers a promise of nothing, which the callbacks are to do. */
          return served.then((/** @type {any} */ it) => (answers ? it : new Promise(() => {})));
        };
      });
      done();
    };
    /* What fastify-plugin does: the plug-in is for the instance that it is registered in. */
    return Object.assign(plugin, {
      [Symbol.for('skip-override')]: true,
      [Symbol.for('fastify.display-name')]: 'wasm-arena',
    });
  }

  /** @returns {RequestArenasStats} */
  stats() {
    const memory = this.memory.stats();
    /* A histogram has no zero: it counts a byte more than was used. */
    const [p50, p95, p99] = [50, 95, 99].map((percent) =>
      this._served ? this._bytes.percentile(percent) - 1 : 0,
    );
    return {
      live: this._live,
      orphaned: this._orphaned,
      waiting: this._queue.size,
      peak: this._peak,
      served: this._served,
      refused: this._turnedAway,
      limited: this._limited,
      growths: memory.grows,
      bytes: { p50, p95, p99 },
      memory,
    };
  }

  /**
   * Serves a request: calls `call` with an arena, now or when there is one, and sees to it that the
   * arena is given back. A request whose client goes while it waits is forgotten.
   *
   * @internal
   * @param {any} req
   * @param {any} res
   * @param {(arena: RequestArena) => any} call
   * @param {(error: any) => any} turnAway hears why there is no arena
   * @param {(error: any) => any} fail hears what `call` throws after a wait, when its caller is gone
   */
  _serve(req, res, call, turnAway, fail) {
    if (typeof res?.once !== 'function') throw badArgument(`no response: ${show(res)}`);
    if (!this._isFull()) {
      let arena;
      try {
        arena = this._occupy();
      } catch (error) {
        return turnAway(error);
      }
      return this._attend(arena, req, res, call);
    }
    return this._wait(req, res).then((arena) => {
      if (!arena) return undefined;
      try {
        return this._attend(arena, req, res, call);
      } catch (error) {
        return fail(error);
      }
    }, turnAway);
  }

  /**
   * Calls the handler, and keeps the arena for as long as the response or somebody's code may still
   * read it.
   *
   * @internal
   * @param {any} arena
   * @param {any} req
   * @param {any} res
   * @param {(arena: RequestArena) => any} call
   */
  _attend(arena, req, res, call) {
    this._watch(arena, req);
    begin(arena, req, res);
    let result;
    try {
      result = storage.run(arena, call, arena);
    } catch (error) {
      stopped(arena);
      throw error;
    }
    if (typeof result?.then === 'function') {
      return Promise.resolve(result).finally(() => stopped(arena));
    }
    /* What it has begun may not have ended the response yet: callbacks will. */
    arena._handedOn = true;
    stopped(arena);
    return result;
  }

  /** @internal */
  _isFull() {
    return this._live >= this._maxConcurrent;
  }

  /**
   * @internal
   * @returns {RequestArena}
   */
  _occupy() {
    let slot = this._idle.pop();
    if (slot) {
      this._kept -= kept(this.memory, slot);
    } else {
      try {
        slot = newSlot(this);
      } catch (error) {
        throw this._turnAway(refusal(this.memory), error);
      }
    }
    const arena = occupy(this, slot);
    if (++this._live > this._peak) this._peak = this._live;
    if (acquired.hasSubscribers) acquired.publish({ arenas: this, arena });
    return arena;
  }

  /**
   * @internal
   * @param {any} arena one that is not freed
   */
  _giveBack(arena) {
    clearTimeout(arena._timer);
    const { memory } = this;
    const slot = arena._slot;
    const bytes = vacate(arena);
    const more = this._kept + kept(memory, slot);
    if (more <= memory._maximum * KEPT_SHARE) {
      this._kept = more;
      this._idle.push(slot);
    } else {
      dissolve(memory, slot);
    }
    this._live--;
    this._served++;
    if (arena._orphaned) this._orphaned--;
    this._bytes.record(bytes + 1);
    if (released.hasSubscribers) released.publish({ arenas: this, arena, bytes });
    if (this._queue.size) this._admit();
  }

  /**
   * What an arena does that was refused memory: tries again where others kept some for later.
   *
   * @internal
   * @param {RequestArena} arena
   * @param {number} size bytes
   * @returns {boolean} whether to try again
   */
  _refused(arena, size) {
    const byMemory = refusal(this.memory) !== undefined;
    if (byMemory && this._idle.length) {
      for (const slot of this._idle) dissolve(this.memory, slot);
      this._idle = [];
      this._kept = 0;
      return true;
    }
    if (byMemory && giveWay(arena)) return true;
    this._limited++;
    if (limited.hasSubscribers) limited.publish({ arenas: this, arena, size });
    return false;
  }

  /**
   * Waits for an arena.
   *
   * @internal
   * @param {any} [req]
   * @param {any} [res] nobody waits any more when it closes: undefined then
   * @returns {Promise<any>}
   */
  _wait(req, res) {
    return new Promise((resolve, reject) => {
      if (this._queue.size >= this._maxQueue) {
        reject(this._turnAway(`maxConcurrent of ${this._maxConcurrent}`));
        return;
      }
      const waiter = { resolve, reject };
      this._queue.add(waiter);
      if (!res) return;
      whenClosed(req, res, () => {
        this._queue.delete(waiter);
        resolve(undefined);
      });
    });
  }

  /** @internal gives arenas to those who wait, as long as there are some */
  _admit() {
    for (const waiter of this._queue) {
      if (this._isFull()) return;
      this._queue.delete(waiter);
      try {
        waiter.resolve(this._occupy());
      } catch (error) {
        waiter.reject(error);
      }
    }
  }

  /**
   * The error of a request that gets no arena.
   *
   * @internal
   * @param {string | undefined} reason
   * @param {any} [cause]
   */
  _turnAway(reason, cause) {
    this._turnedAway++;
    if (limited.hasSubscribers) limited.publish({ arenas: this, arena: undefined, size: 0 });
    const { label } = this;
    const error = outOfMemory(`arena for '${label}'`, reason, cause);
    /* What Express and Fastify answer where nobody handles it. */
    return Object.assign(error, { label, statusCode: 503 });
  }

  /**
   * Warns where an arena is not given back in time.
   *
   * @internal
   * @param {any} arena
   * @param {any} [req]
   */
  _watch(arena, req) {
    if (!this._timeout) return;
    const warn = () => {
      const message = `${this.label}${routeOf(req)}: its arena is not given back after`;
      const options = { type: 'ArenaWarning', code: 'WASM_ARENA_TIMEOUT' };
      process.emitWarning(`${message} ${this._timeout} ms`, options);
    };
    arena._timer = setTimeout(warn, this._timeout).unref();
  }

  /** @internal */
  _grew() {
    if (this._hasGrown) return;
    this._hasGrown = true;
    const { reserve } = this.memory.stats();
    process.emitWarning(
      `the memory of '${this.label}' grew past its reserve of ${reserve} bytes, and the views of ` +
        'all live requests are stale; raise `reserve`',
      { type: 'ArenaWarning', code: 'WASM_ARENA_GROWTH' },
    );
  }
}

/**
 * The request's arena; those that it has already are still to be found.
 *
 * @param {any} arena
 * @param {any} req
 */
function hand(arena, req) {
  arena._outer = req.arena;
  req.arena = arena;
}

/**
 * Answers a request that gets no arena.
 *
 * @param {any} error
 * @param {any} res
 * @param {any} next
 */
function answerRefused(error, res, next) {
  if (typeof next === 'function') return next(error);
  if (res.writeHead) res.writeHead(503, { 'retry-after': '1' }).end();
  else res.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
}

/**
 * The route of a request as its framework knows it, without a query, which may hold secrets.
 *
 * @param {any} req
 */
function routeOf(req) {
  if (!req) return '';
  const route = req.route?.path ?? req.routeOptions?.url;
  return ` ${req.method} ${req.baseUrl ?? ''}${route ?? String(req.url).split('?')[0]}`;
}

/** @this {any} */
function arenaOfRequest() {
  if (this[ARENA]) return this[ARENA];
  throw unsupported('request.arena is for handlers of routes declared after `await app.register`');
}

/** @param {unknown} fn */
function checkFunction(fn) {
  if (typeof fn !== 'function') throw badArgument(`no function: ${show(fn)}`);
}

/**
 * @param {any} error
 * @returns {never}
 */
function rethrow(error) {
  throw error;
}

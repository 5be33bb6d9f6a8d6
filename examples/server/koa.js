/**
 * The uploads of arena.js in Koa.
 *
 *   node examples/server/koa.js [port]
 */

import http from 'node:http';
import Koa from 'koa';
import { RequestArenas } from '../../js/node.js';
import * as app from './app.js';
import { jsonInArena, OPTIONS, summarizeUpload } from './arena.js';

/**
 * Gives each request `ctx.arena`. Koa sends `ctx.body` when all middleware has settled, so `run`
 * would give the arena back too soon: `wrap` waits for the response to close.
 *
 * @param {RequestArenas} arenas
 */
export function koaArenas(arenas) {
  return (ctx, next) => {
    const serve = arenas.wrap((req) => {
      ctx.arena = req.arena;
      return next();
    });
    return serve(ctx.req, ctx.res, rethrow);
  };
}

/** @param {RequestArenas} [arenas] */
export function createKoaServer(arenas = new RequestArenas(OPTIONS)) {
  const koa = new Koa();
  koa.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const { status, message } = app.answerTo(error);
      ctx.status = status;
      ctx.body = { error: message };
    }
  });
  koa.use(koaArenas(arenas));
  koa.use(async (ctx) => {
    const summary = await summarizeUpload(ctx.req, ctx.arena, app.formatOf(ctx.req));
    ctx.type = app.JSON_TYPE;
    ctx.body = jsonInArena(ctx.arena, summary);
  });
  return http.createServer(koa.callback());
}

function rethrow(error) {
  throw error;
}

if (app.isMain(import.meta)) app.listen(createKoaServer(), process.argv[2]);

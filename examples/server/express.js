/**
 * The uploads of arena.js in Express 5.
 *
 *   node examples/server/express.js [port]
 */

import http from 'node:http';
import express from 'express';
import { RequestArenas } from '../../js/node.js';
import * as app from './app.js';
import { jsonInArena, OPTIONS, summarizeUpload } from './arena.js';

/** @param {RequestArenas} [arenas] */
export function createExpressServer(arenas = new RequestArenas(OPTIONS)) {
  const routes = express();
  routes.post(
    ['/csv', '/ndjson'],
    arenas.wrap(async (req, res) => {
      const summary = await summarizeUpload(req, req.arena, app.formatOf(req));
      res.type(app.JSON_TYPE).end(jsonInArena(req.arena, summary));
    }),
  );
  routes.use((error, req, res, next) => (res.headersSent ? next(error) : app.fail(error, res)));
  return http.createServer(routes);
}

if (app.isMain(import.meta)) app.listen(createExpressServer(), process.argv[2]);

/**
 * The uploads of arena.js in Fastify 5.
 *
 *   node examples/server/fastify.js [port]
 */

import Fastify from 'fastify';
import { RequestArenas } from '../../js/node.js';
import * as app from './app.js';
import { jsonInArena, OPTIONS, summarizeUpload } from './arena.js';

/** @param {RequestArenas} [arenas] */
export async function createFastifyServer(arenas = new RequestArenas(OPTIONS)) {
  const fastify = Fastify();
  await fastify.register(arenas.fastify());
  /* Leaves the body to the handler, which reads it into its arena. */
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (request, body, done) => done(null));
  fastify.setErrorHandler((error, request, reply) => {
    const { status, message } = app.answerTo(error);
    reply.code(status).send({ error: message });
  });
  for (const path of ['/csv', '/ndjson']) {
    fastify.post(path, async ({ raw, arena }, reply) => {
      const summary = await summarizeUpload(raw, arena, app.formatOf(raw));
      return reply.type(app.JSON_TYPE).send(jsonInArena(arena, summary));
    });
  }
  await fastify.ready();
  return fastify.server;
}

if (app.isMain(import.meta)) app.listen(await createFastifyServer(), process.argv[2]);

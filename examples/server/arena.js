/**
 * A server for uploads of CSV and newline-delimited JSON, which keeps each body, the columns that it
 * makes of it, and the answer in the request's arena. usual.js is the same without.
 *
 *   node examples/server/arena.js [port]
 *   curl --data-binary @examples/data/birdstrikes.csv http://127.0.0.1:PORT/csv
 *   curl http://127.0.0.1:PORT/metrics
 */

import http from 'node:http';
import { pipeline } from 'node:stream/promises';
import { RequestArenas } from '../../js/node.js';
import { Body } from '../columns.js';
import { csvInArena } from '../csv.js';
import { ndjsonInArena } from '../ndjson.js';
import * as app from './app.js';
import { METRICS_TYPE, metricsOf } from './metrics.js';

const READERS = { csv: csvInArena, ndjson: ndjsonInArena };
/** An answer is sent in pieces of so many bytes at least. */
const PIECE = 16_384;
const LF = 10;

/**
 * `limit` bounds what an upload takes, its columns included. More requests than `maxConcurrent` wait
 * with their bodies unread, and go in the order in which they came; so the memory is bounded whatever
 * comes, and no client waits much longer than another.
 */
export const OPTIONS = { limit: app.LIMIT, maxConcurrent: 64, maxQueue: 1024, label: 'upload' };

/**
 * @param {import('../../js/node.js').RequestArenas} [arenas]
 * @returns {import('node:http').Server}
 */
export function createArenaServer(arenas = new RequestArenas(OPTIONS)) {
  const upload = arenas.wrap(async (req, res) => {
    try {
      const summary = await summarizeUpload(req, req.arena, app.formatOf(req));
      if (app.wantsLines(req)) {
        res.setHeader('content-type', app.NDJSON_TYPE);
        await pipeline(inPieces(req.arena, app.linesOf(summary)), res);
      } else {
        res.setHeader('content-type', app.JSON_TYPE);
        res.end(jsonInArena(req.arena, summary));
      }
    } catch (error) {
      app.fail(error, res);
    }
  });
  return http.createServer((req, res) => {
    if (req.url === '/metrics') {
      res.setHeader('content-type', METRICS_TYPE);
      res.end(metricsOf(arenas));
    } else {
      /* A wrapped handler that has a `next` tells it that there is no arena. */
      upload(req, res, (error) => app.fail(error, res));
    }
  });
}

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('../../js/node.js').RequestArena} arena
 * @param {'csv' | 'ndjson'} format
 */
export async function summarizeUpload(req, arena, format) {
  const body = await receive(req, arena);
  return READERS[format](arena, body.end());
}

/** Where the arena has no room for the body, the rest of it is read and forgotten. */
function receive(req, arena) {
  return new Promise((resolve, reject) => {
    const length = req.headers['content-length'];
    const body = new Body(arena, length && Number(length));
    req.on('data', (piece) => {
      try {
        body.add(piece);
      } catch (error) {
        req.removeAllListeners('data').resume();
        reject(error);
      }
    });
    req.on('end', () => resolve(body));
    req.on('error', reject);
  });
}

/**
 * A value's JSON and a line end.
 *
 * @returns {Buffer}
 */
export function jsonInArena(arena, value) {
  const text = JSON.stringify(value);
  const buffer = arena.buffer(Buffer.byteLength(text) + 1, 1);
  buffer[buffer.write(text)] = LF;
  return buffer;
}

/** No piece is written to again: the kernel may not have it yet. */
function* inPieces(arena, lines) {
  let piece = arena.buffer(PIECE);
  let size = 0;
  for (const line of lines) {
    const length = Buffer.byteLength(line);
    if (size + length > piece.length) {
      yield piece.subarray(0, size);
      piece = arena.buffer(Math.max(PIECE, length));
      size = 0;
    }
    size += piece.write(line, size);
  }
  yield piece.subarray(0, size);
}

if (app.isMain(import.meta)) app.listen(createArenaServer(), process.argv[2]);

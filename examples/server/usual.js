/**
 * The server of arena.js, written the usual way: Buffers, strings, arrays and Maps.
 *
 *   node examples/server/usual.js [port]
 */

import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { toText } from '../columns.js';
import { csvInPlain } from '../csv.js';
import { ndjsonInPlain } from '../ndjson.js';
import * as app from './app.js';

const READERS = { csv: csvInPlain, ndjson: ndjsonInPlain };

/** @param {{ limit?: number }} [options] most bytes of a body */
export function createUsualServer({ limit = app.LIMIT } = {}) {
  return http.createServer(async (req, res) => {
    try {
      const read = READERS[app.formatOf(req)];
      const summary = read(toText(await receive(req, limit)));
      if (app.wantsLines(req)) {
        res.setHeader('content-type', app.NDJSON_TYPE);
        await pipeline(Readable.from(app.linesOf(summary)), res);
      } else {
        res.setHeader('content-type', app.JSON_TYPE);
        res.end(`${JSON.stringify(summary)}\n`);
      }
    } catch (error) {
      app.fail(error, res);
    }
  });
}

function receive(req, limit) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    req.on('data', (chunk) => {
      size += chunk.length;
      if (size <= limit) {
        chunks.push(chunk);
      } else {
        chunks.length = 0;
        reject(new app.HttpError(413, 'the upload is too large'));
      }
    });
    req.on('end', () => resolve(Buffer.concat(chunks)));
    req.on('error', reject);
  });
}

if (app.isMain(import.meta)) app.listen(createUsualServer(), process.argv[2]);

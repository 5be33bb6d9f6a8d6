/**
 * What both servers agree on: routes, answers and errors.
 *
 *   POST /csv, /ndjson, or / with a content type: an upload, answered by a summary of its columns
 *   GET /metrics: Prometheus metrics of the arenas
 *
 * The answer is a JSON object, or with `accept: application/x-ndjson` a line for the number of rows
 * and one for each column.
 */

import { pathToFileURL } from 'node:url';
import { InputError } from '../columns.js';

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';
const CSV_TYPE = 'text/csv';

/** The most that an upload may take, in bytes: of its body, or of all that is made of it. */
export const LIMIT = 2 ** 26;

/** An error that has an answer of its own. */
export class HttpError extends Error {
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }
}

/**
 * @param {import('node:http').IncomingMessage} req
 * @returns {'csv' | 'ndjson'}
 * @throws {HttpError}
 */
export function formatOf({ method, url, headers }) {
  const path = url.split('?')[0];
  const type = headers['content-type']?.split(';')[0].trim();
  const isOurs = path === '/' || path === '/csv' || path === '/ndjson';
  if (!isOurs) throw new HttpError(404, 'there is /csv and /ndjson');
  if (method !== 'POST') throw new HttpError(405, 'uploads are posted');
  if (path === '/csv' || (path === '/' && type === CSV_TYPE)) return 'csv';
  if (path === '/ndjson' || (path === '/' && type === NDJSON_TYPE)) return 'ndjson';
  throw new HttpError(415, `it is neither ${CSV_TYPE} nor ${NDJSON_TYPE}`);
}

/** @param {import('node:http').IncomingMessage} req */
export function wantsLines({ headers }) {
  return headers.accept === NDJSON_TYPE;
}

/** An answer, line by line. */
export function* linesOf({ rows, columns }) {
  yield `${JSON.stringify({ rows })}\n`;
  for (const column of columns) yield `${JSON.stringify(column)}\n`;
}

/**
 * The error handler. What an arena refuses is too large by its `limit`; where the memory of all
 * requests is full, or there is no arena, the client may come again.
 *
 * @param {any} error
 * @returns {{ status: number, message: string }}
 */
export function answerTo(error) {
  if (error instanceof InputError) return { status: 400, message: error.message };
  if (error instanceof HttpError) return { status: error.statusCode, message: error.message };
  if (error.code !== 'ERR_ARENA_OUT_OF_MEMORY') return { status: 500, message: 'it is our fault' };
  return error.statusCode === 413
    ? { status: 413, message: 'the upload is too large' }
    : { status: 503, message: 'there is no memory for it now' };
}

/**
 * @param {any} error
 * @param {import('node:http').ServerResponse} res
 */
export function fail(error, res) {
  const { status, message } = answerTo(error);
  if (status === 500 && error.code !== 'ECONNRESET') console.error(error);
  /* An answer that has begun can only be broken off. */
  if (res.headersSent) return res.destroy();
  const text = `${JSON.stringify({ error: message })}\n`;
  const headers = { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(text) };
  res.writeHead(status, status === 503 ? { ...headers, 'retry-after': 1 } : headers).end(text);
}

/**
 * Listens on 127.0.0.1, prints the URL, and tells it a parent process.
 *
 * @param {import('node:http').Server} server
 * @param {number | string} [port] default: any
 */
export function listen(server, port = 0) {
  server.listen(Number(port), '127.0.0.1', () => announce(server.address().port));
}

/** @param {number} port that a server listens on */
export function announce(port) {
  const url = `http://127.0.0.1:${port}/`;
  console.log(url);
  /* Who was started by another process does not outlive it. */
  process.once('disconnect', () => process.exit());
  process.send?.({ url });
}

/** @param {ImportMeta} meta whether Node.js was started with this file */
export function isMain({ url }) {
  return url === pathToFileURL(process.argv[1]).href;
}

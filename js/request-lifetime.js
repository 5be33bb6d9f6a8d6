/**
 * When the arena of a request is given back: when its response has closed and nobody's code uses it
 * any more. An async handler has used it when its promise settles. Where code that cannot be seen
 * has it, because the handler has returned before its response has ended, or has called `next`, the
 * end of use has to be declared: by `end` of the response, by an error, by `free` of the arena.
 */
import { hearOfSession, isClosed, whenClosed, whenSent } from './response-end.js';

/**
 * Begins to watch a request.
 *
 * @internal
 * @param {any} arena
 * @param {any} req
 * @param {any} res
 */
export function begin(arena, req, res) {
  arena._response = res;
  arena._running = true;
  arena._open = true;
  hearOfEnd(arena);
  if (isClosed(req, res)) closed(arena);
  else attach(arena, req, res);
}

/**
 * @param {any} arena
 * @param {any} req
 * @param {any} res one that has not closed
 */
function attach(arena, req, res) {
  const { stream } = res;
  const session = stream?.session;
  if (session) hearOfSession(session);
  whenClosed(req, res, () => {
    /* Not `writableLength`: of a stream that was destroyed, newer versions of Node.js say 0. */
    if (session && stream.headersSent && !stream.writableFinished) {
      arena._sending = true;
      whenSent(session, () => sent(arena));
    }
    closed(arena);
  });
}

/**
 * The response has closed: it was sent, or the client is gone.
 *
 * @param {any} arena
 */
function closed(arena) {
  arena._open = false;
  giveBackUnused(arena);
}

/**
 * Nothing reads any more what it has written.
 *
 * @param {any} arena
 */
function sent(arena) {
  arena._sending = false;
  giveBackUnused(arena);
}

/**
 * The handler has settled.
 *
 * @internal
 * @param {any} arena
 */
export function stopped(arena) {
  arena._running = false;
  giveBackUnused(arena);
}

/**
 * The end of use was declared.
 *
 * @internal
 * @param {any} arena
 */
export function endUse(arena) {
  arena._ended = true;
  giveBackUnused(arena);
}

/** @param {any} arena */
function giveBackUnused(arena) {
  if (arena.freed || arena._open) return;
  const ended = arena._ended || !arena._handedOn || arena._response.writableEnded;
  if (ended && !arena._running) {
    if (!arena._sending) arena.free();
  } else if (!arena._orphaned) {
    arena._orphaned = true;
    arena._owner._orphaned++;
  }
}

/**
 * No event says that `end` was called on a response that is closed, nor that it was where something
 * else has its place, as compression has, and puts off the end itself.
 *
 * @param {any} arena
 */
function hearOfEnd(arena) {
  const res = arena._response;
  const { end } = res;
  res.end = function (/** @type {any[]} */ ...args) {
    endUse(arena);
    return end.apply(this, args);
  };
}

/**
 * The `next` that a wrapped handler gets.
 *
 * @internal
 * @param {any} arena
 * @param {(error?: any) => any} next
 */
export function passOn(arena, next) {
  return (/** @type {any} */ error) => {
    if (error && error !== 'route' && error !== 'router') endUse(arena);
    else arena._handedOn = true;
    return next(error);
  };
}

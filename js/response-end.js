/**
 * When a response of Node.js has closed, and when nothing of the process reads its body any more:
 * events alone do not say so for responses in line behind others, and for streams of http2.
 */

/**
 * Whether the response has closed before: its 'close' will not come then.
 *
 * @internal
 * @param {any} req
 * @param {any} res
 */
export function isClosed(req, res) {
  const { closed, destroyed, stream } = res;
  return Boolean(
    closed || destroyed || stream?.destroyed || (inLine(req, res) && req.socket.destroyed),
  );
}

/**
 * Whether a response stands behind others of its connection, whose client sent the next request before
 * it had an answer. It has no socket yet, and where its client goes now, it never closes.
 *
 * @param {any} req
 * @param {any} res
 */
function inLine(req, res) {
  return res.socket === null && typeof req?.socket?.once === 'function';
}

/** @type {WeakMap<any, Set<() => void>>} who hears of a socket's end, of responses in line there */
const lines = new WeakMap();

/**
 * Calls `fn` when a response has closed; maybe twice.
 *
 * @internal
 * @param {any} req
 * @param {any} res one that has not closed
 * @param {() => void} fn
 */
export function whenClosed(req, res, fn) {
  res.once('close', fn);
  if (!inLine(req, res)) return;
  const { socket } = req;
  let line = lines.get(socket);
  if (!line) {
    const all = (line = new Set());
    lines.set(socket, all);
    socket.once('close', () => {
      for (const each of all) each();
    });
  }
  line.add(fn);
  res.once('close', () => line.delete(fn));
}

/**
 * What waits for an http2 session to have sent what it has.
 *
 * @type {WeakMap<any, Session>}
 */
const sessions = new WeakMap();

/** @typedef {{ closed: boolean, asked: boolean, waiting: Set<() => void> }} Session */

/**
 * @internal
 * @param {any} session one that has not closed, for its 'close' comes once
 */
export function hearOfSession(session) {
  if (sessions.has(session)) return;
  const state = { closed: false, asked: false, waiting: new Set() };
  sessions.set(session, state);
  session.once('close', () => {
    state.closed = true;
    for (const each of state.waiting) each();
  });
}

/**
 * Calls `fn` when nothing reads any more what was written to streams of a session. One that the
 * server resets closes at once, while the session's socket is still written from its buffers. So
 * the client is asked: its answer comes after them.
 *
 * @internal
 * @param {any} session
 * @param {() => void} fn
 */
export function whenSent(session, fn) {
  const state = /** @type {Session} */ (sessions.get(session));
  if (state.closed) {
    fn();
    return;
  }
  state.waiting.add(fn);
  if (!state.asked) ask(session, state);
}

/**
 * @param {any} session
 * @param {Session} state
 */
function ask(session, state) {
  if (session.destroyed) return;
  const asking = [...state.waiting];
  state.asked = true;
  session.ping((/** @type {any} */ error) => {
    state.asked = false;
    if (error) return;
    for (const each of asking) {
      state.waiting.delete(each);
      each();
    }
    if (state.waiting.size) ask(session, state);
  });
}

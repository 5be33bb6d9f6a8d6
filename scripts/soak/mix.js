/**
 * What the soak's requests are like: each one's plan comes from the seed and its number alone, so that
 * server and client know it without telling each other, and a failure can be had again.
 */

/** How many requests of 1,000 end in which way. */
const SHARES = {
  end: 330,
  write: 70,
  pipeline: 70,
  upload: 110,
  callback: 50,
  middleware: 50,
  pipelined: 50,
  throw: 40,
  reject: 40,
  limit: 30,
  upgrade: 25,
  'abort-await': 30,
  'abort-body': 25,
  'abort-download': 20,
  'abort-callback': 20,
  'abort-middleware': 15,
  'abort-pipelined': 15,
  timeout: 5,
  big: 5,
};

/** All endings, each as often as its share says. */
const DEALT = Object.entries(SHARES).flatMap(([ending, share]) => Array(share).fill(ending));

export const ENDINGS = Object.keys(SHARES);

/** Bytes that one request may use. */
export const LIMIT = 2 * 2 ** 20;

/** So few arenas at a time that in a busy moment some requests wait, and some of those are refused. */
export const MOST_AT_ONCE = 32;

/**
 * Memory and frontier follow the worst that coincides, which chance brings about late. So the first
 * requests do: as many as there may be at once take more than an arena keeps for the next one, so that
 * each keeps all that it ever will, and then as many all that they may have.
 */
export const STORMS = [MOST_AT_ONCE, 2 * MOST_AT_ONCE];
const STORM_PLANS = [
  { ending: 'end', sizes: [2 ** 20], total: 2 ** 20, pause: 300 },
  { ending: 'limit', sizes: [1], total: 1, pause: 300 },
];

/** Requests that are sent at once where an ending is of several. */
export const PIPELINED = 4;

/** Parts of a request's number, so that those of a pipeline have numbers of their own. */
const PARTS = 8;

/** Bytes after which the pattern of a request repeats. */
const PERIOD = 8;

/** Longest pause of a handler, in ms. */
const PAUSE = 6;

/**
 * @typedef {object} Plan
 * @property {number} key the number of a request, or of one of a pipeline
 * @property {string} ending
 * @property {number[]} sizes of its blocks, in bytes
 * @property {number} total bytes
 * @property {number} pause of its handler in ms; 0: until the event loop's next turn
 * @property {number} leave after how many ms a client goes that does not stay
 * @property {boolean} reset whether that client resets the connection, and does not just close it
 */

/** @returns {Plan} */
export function planOf(seed, id, part = 0) {
  const random = generator(seed, id * PARTS + part);
  const pick = (most) => Math.floor(random() * most);
  const dealt = generator(~seed, id)();
  const ending = DEALT[Math.floor(dealt * DEALT.length)];
  const storm = STORMS.findIndex((most) => id < most);
  if (storm >= 0) return { ...STORM_PLANS[storm], key: id * PARTS };
  const isBig = ending === 'big' || ending === 'abort-download';
  const count = isBig ? 3 + pick(4) : 1 + pick(6);
  const sizes = Array.from({ length: count }, () =>
    isBig ? 2 ** 16 + pick(3 * 2 ** 16) : Math.floor(2 ** (random() * 14)),
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const pause = pick(3) && pick(PAUSE + 1);
  const leave = pick(PAUSE);
  return { key: id * PARTS + part, ending, sizes, total, pause, leave, reset: pick(4) > 0 };
}

export const pathOf = ({ key }) => `/${Math.floor(key / PARTS)}/${key % PARTS}`;

export function planOfPath(seed, path) {
  const [, id, part] = path.split('/').map(Number);
  return planOf(seed, id, part);
}

/** How many requests a number stands for. */
export const countOf = ({ ending }) => (ending.endsWith('pipelined') ? PIPELINED : 1);

/** Random numbers from 0 to 1: splitmix32. */
function generator(seed, number) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** The bytes that a request writes wherever it can. None is 0, and no other request has the same. */
export class Pattern {
  constructor({ key }) {
    const random = generator(~0, key);
    const period = Array.from({ length: PERIOD }, () => 1 + Math.floor(random() * 255));
    this._twice = Buffer.from([...period, ...period]);
  }

  /** Fills `view` as the piece that begins at `position` of what the request writes. */
  fill(view, position) {
    const phase = position % PERIOD;
    view.fill(this._twice.subarray(phase, phase + PERIOD));
  }

  /** Whether `view` is that piece. */
  is(view, position) {
    const phase = position % PERIOD;
    const head = view.subarray(0, PERIOD);
    if (this._twice.compare(head, 0, head.length, phase, phase + head.length)) return false;
    /* And then each byte is the one a period before it. */
    return view.length <= PERIOD || !view.compare(view, 0, view.length - PERIOD, PERIOD);
  }
}

const ZEROS = Buffer.alloc(2 ** 16);

/** Whether all bytes of `view` are 0. */
export function isZero(view) {
  for (let at = 0; at < view.length; at += ZEROS.length) {
    const piece = view.subarray(at, at + ZEROS.length);
    if (ZEROS.compare(piece, 0, piece.length, 0, piece.length)) return false;
  }
  return true;
}

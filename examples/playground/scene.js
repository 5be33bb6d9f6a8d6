/**
 * A galaxy. Each frame moves all particles, leaves out those that the camera does not see, builds a
 * vertex for each of the others, and sorts these by depth, because what is translucent is drawn from
 * back to front. Only their numbers are sorted: the vertices stay in the order in which they are
 * written, one after the other. Where the arrays for that come from is the storage's business.
 *
 * A picture follows from the number of its frame and the one before alone, so both storages draw the
 * same one.
 */
import { COUNTS, MOST_KEY, sort } from './sort.js';

/** x and y on the screen, size, x and y of the streak, colour. */
export const VERTEX_FLOATS = 6;

/** Angles of the wobble are in parts of a turn, few enough for their sines to stay in the cache. */
const TURN = 2 ** 12;
const NEAR = 0.05;
const FAR = 4;
const KEYS_A_UNIT = MOST_KEY / (FAR - NEAR);
/** What lies beyond the edge of the picture by this much may still reach into it. */
const EDGE = 1.03;
const ZOOM = 1.75;
const LONGEST_STREAK = 0.03;
const ARMS = 3;
/** Numbers that a particle's orbit takes. */
const ORBIT = 4;

const sines = Float32Array.from({ length: TURN }, (_, i) => Math.sin((2 * Math.PI * i) / TURN));
const sine = (angle) => sines[angle & (TURN - 1)];
const cosine = (angle) => sines[(angle + TURN / 4) & (TURN - 1)];

export class Scene {
  /** @param {number} most particles */
  constructor(most) {
    /* It lives as long as the page does: nothing for an arena. */
    this.orbits = new Float32Array(ORBIT * most);
    /* Apart, because they are read in the order of depth: what is small stays in the cache. */
    this.colours = new Float32Array(most);
    makeGalaxy(this.orbits, this.colours);
    /** Of the last frame: how many particles are seen, their vertices, and which is the first to be
        drawn, the second, and so on; in the storage. */
    this.seen = 0;
    this.vertices = new Float32Array(0);
    this.order = new Uint32Array(0);
  }

  /**
   * @param {import('./storage.js').PlainStorage | import('./storage.js').ArenaStorage} storage
   * @param {number} count particles
   * @param {number} step number of the frame
   * @param {number} aspect width of the picture by its height
   */
  frame(storage, count, step, aspect) {
    storage.begin();
    /* A view that went stale reads undefined, which engines are slow at for good: nothing is read
       or written before it is known that none is. */
    while (!this.build(storage, count, step, aspect)) storage.again();
  }

  /** @returns {boolean} whether it was built; else the memory grew on the way */
  build(storage, count, step, aspect) {
    const positions = storage.float32(2 * count);
    const order = storage.uint32(count);
    const keys = storage.uint32(count);
    if (storage.grew()) return false;
    const seen = project(this.orbits, count, step, aspect, positions, order, keys);

    const vertices = storage.float32(VERTEX_FLOATS * seen, VERTEX_FLOATS * count);
    /* The scratch comes last: what is allocated after a release takes the places of its views in
       the arena's cache, and both would be made anew each time. */
    const mark = storage.mark();
    const otherKeys = storage.uint32(seen, count);
    const otherOrder = storage.uint32(seen, count);
    const counts = storage.uint32(COUNTS);
    if (storage.grew()) return false;
    build(this.colours, positions, storage.carried, order, keys, seen, vertices);
    sort(keys, order, otherKeys, otherOrder, counts, seen);
    storage.release(mark);
    storage.carry(positions);
    this.seen = seen;
    this.vertices = vertices;
    this.order = order;
    return true;
  }

  /** A number that changes with any bit of the last frame's vertices, and of their order. */
  checksum() {
    const { buffer, byteOffset } = this.vertices;
    const words = new Uint32Array(buffer, byteOffset, VERTEX_FLOATS * this.seen);
    let sum = 0x811c9dc5;
    for (let i = 0; i < words.length; i++) sum = Math.imul(sum ^ words[i], 0x01000193);
    for (let i = 0; i < this.seen; i++) sum = Math.imul(sum ^ this.order[i], 0x01000193);
    return sum >>> 0;
  }
}

/** Places in a flat disc, x, z and y, around each of which a particle wobbles; phase. */
function makeGalaxy(orbits, colours) {
  const random = seeded(1990);
  const bell = () => random() + random() + random() - 1.5;
  for (let i = 0, at = 0; i < colours.length; i++, at += ORBIT) {
    const isCore = random() < 0.22;
    const radius = isCore ? 0.3 * random() ** 1.6 : 0.08 + 1.1 * Math.sqrt(random()) ** 1.3;
    const arm = Math.floor(ARMS * random()) / ARMS;
    const spread = isCore ? random() : arm + 0.42 * Math.log(radius + 0.1) + 0.07 * bell();
    const thickness = isCore ? 0.5 * radius : 0.035;
    orbits[at] = radius * Math.cos(2 * Math.PI * spread);
    orbits[at + 1] = radius * Math.sin(2 * Math.PI * spread);
    orbits[at + 2] = bell() * thickness;
    orbits[at + 3] = random() * TURN;
    colours[i] = Math.min(1, Math.max(0, radius * 0.8 + 0.12 * bell()));
  }
}

/**
 * Moves the particles, writes where each is on the screen, and lists those in the picture.
 *
 * @returns {number} how many are
 */
function project(orbits, count, step, aspect, positions, items, keys) {
  const yaw = step * 0.0035;
  const sinYaw = Math.sin(yaw);
  const cosYaw = Math.cos(yaw);
  const pitch = 0.52 + 0.16 * Math.sin(step * 0.0042);
  const sinPitch = Math.sin(pitch);
  const cosPitch = Math.cos(pitch);
  const distance = 1.02 - 0.12 * Math.sin(step * 0.0027);
  const narrow = 1 / aspect;

  let seen = 0;
  for (let i = 0, at = 0; i < count; i++, at += ORBIT) {
    const phase = orbits[at + 3] + step * 10;
    const outwards = cosine(phase);
    const scale = 1 + 0.05 * outwards;
    const turn = 0.035 * sine(phase);
    const x = orbits[at] * scale - orbits[at + 1] * turn;
    const z = orbits[at + 1] * scale + orbits[at] * turn;
    const y = orbits[at + 2] * outwards;

    const across = x * cosYaw - z * sinYaw;
    const away = x * sinYaw + z * cosYaw;
    const depth = distance + away * cosPitch - y * sinPitch;
    const zoom = ZOOM / depth;
    const screenX = across * zoom * narrow;
    const screenY = (y * cosPitch + away * sinPitch) * zoom;
    positions[2 * i] = screenX;
    positions[2 * i + 1] = screenY;

    if (depth > NEAR && depth < FAR && Math.abs(screenX) < EDGE && Math.abs(screenY) < EDGE) {
      items[seen] = i;
      keys[seen++] = (FAR - depth) * KEYS_A_UNIT;
    }
  }
  return seen;
}

/**
 * A vertex for each particle of the list; its streak goes to where it was a frame ago. The list is
 * one of vertices then, as they come.
 */
function build(colours, positions, before, items, keys, seen, vertices) {
  const known = before.length / 2;
  for (let k = 0, at = 0; k < seen; k++, at += VERTEX_FLOATS) {
    const i = items[k];
    items[k] = k;
    const x = positions[2 * i];
    const y = positions[2 * i + 1];
    const isKnown = i < known;
    vertices[at] = x;
    vertices[at + 1] = y;
    vertices[at + 2] = 1 / (FAR - keys[k] / KEYS_A_UNIT);
    vertices[at + 3] = isKnown ? streak(x - before[2 * i]) : 0;
    vertices[at + 4] = isKnown ? streak(y - before[2 * i + 1]) : 0;
    vertices[at + 5] = colours[i];
  }
}

/** Where a particle came from behind the camera, its way was no line. */
function streak(way) {
  return Math.max(-LONGEST_STREAK, Math.min(LONGEST_STREAK, way));
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), seed | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

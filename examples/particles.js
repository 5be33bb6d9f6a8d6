/**
 * A frame loop: particles fly and bounce. Each frame moves them, leaves out those that the camera
 * does not see, and builds one triangle for each of the others, as a GPU wants them.
 *
 * `ArenaParticles` takes all of a frame's arrays from an arena, `PlainParticles` makes new ones.
 * That is the only difference: the arithmetic below is the same code for both.
 */

import { Arena } from '../js/index.js';

const STEP = 1 / 60;
const GRAVITY = -9.8;
/** Walls left and right; the ground is at 0. */
const WALL = 20;
/** The camera sees |x| ≤ 15 and y ≤ 12. */
const CAMERA = { x: 15, y: 12 };
const SIZE = 0.05;
/** Three corners, x and y of each. */
const FLOATS = 6;
/** What a particle takes in a frame: position, velocity, triangle, index. */
const BYTES = (2 + 2 + FLOATS + 1) * 4;

export class ArenaParticles {
  /** @param {number} count */
  constructor(count) {
    this.count = count;
    this.frames = 0;
    /* A frame reads the particles of the last one, so two arenas take turns. */
    this.arenas = ['even frames', 'odd frames'].map(
      (label) => new Arena({ label, capacity: count * BYTES }),
    );
    /* These come from outside, and the second frame is done with them. */
    this.positions = new Float32Array(2 * count);
    this.velocities = new Float32Array(2 * count);
    this.vertices = new Float32Array(0);
    launch(this.positions, this.velocities);
  }

  /** @returns {number} how many particles are visible: their triangles lead `vertices` */
  frame() {
    const { count, positions, velocities } = this;
    const arena = this.arenas[this.frames++ & 1];
    /* The frame before the last one is over: all its arrays are free. */
    arena.reset();
    this.positions = arena.float32(2 * count);
    this.velocities = arena.float32(2 * count);
    /* As long as it may get: in an arena, room that stays unused costs nothing. */
    this.vertices = arena.float32(FLOATS * count);
    move(positions, velocities, this.positions, this.velocities);

    /* The list is over before the frame is. A mark, unlike a scope, needs no closure. */
    const mark = arena.mark();
    const visible = arena.uint32(count);
    const seen = cull(this.positions, visible);
    build(this.positions, this.velocities, visible, seen, this.vertices);
    arena.release(mark);
    /* In a browser: gl.bufferSubData(gl.ARRAY_BUFFER, 0, this.vertices, 0, seen * FLOATS). */
    return seen;
  }

  free() {
    for (const arena of this.arenas) arena.free();
  }
}

export class PlainParticles {
  /** @param {number} count */
  constructor(count) {
    this.count = count;
    this.positions = new Float32Array(2 * count);
    this.velocities = new Float32Array(2 * count);
    this.vertices = new Float32Array(0);
    launch(this.positions, this.velocities);
  }

  /** @returns {number} how many particles are visible: their triangles are `vertices` */
  frame() {
    const { count, positions, velocities } = this;
    this.positions = new Float32Array(2 * count);
    this.velocities = new Float32Array(2 * count);
    move(positions, velocities, this.positions, this.velocities);

    const visible = new Uint32Array(count);
    const seen = cull(this.positions, visible);
    this.vertices = new Float32Array(FLOATS * seen);
    build(this.positions, this.velocities, visible, seen, this.vertices);
    return seen;
  }
}

/**
 * A number that changes with any bit of the visible triangles.
 *
 * @param {Float32Array} vertices
 * @param {number} seen
 */
export function checksum({ buffer, byteOffset }, seen) {
  const words = new Uint32Array(buffer, byteOffset, FLOATS * seen);
  let sum = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) sum = Math.imul(sum ^ words[i], 0x01000193);
  return sum >>> 0;
}

/** All start in the middle, each with a velocity of its own, the same in every run. */
function launch(positions, velocities) {
  const random = seeded(1990);
  for (let i = 0; i < positions.length; i += 2) {
    positions[i + 1] = 1;
    velocities[i] = 24 * random() - 12;
    velocities[i + 1] = 20 * random();
  }
}

function move(positions, velocities, nextPositions, nextVelocities) {
  for (let i = 0; i < positions.length; i += 2) {
    let vx = velocities[i];
    let vy = velocities[i + 1] + GRAVITY * STEP;
    const x = positions[i] + vx * STEP;
    let y = positions[i + 1] + vy * STEP;
    if (x * vx > WALL * Math.abs(vx)) vx = -vx;
    if (y < 0) {
      y = -y;
      vy = -vy;
    }
    nextPositions[i] = x;
    nextPositions[i + 1] = y;
    nextVelocities[i] = vx;
    nextVelocities[i + 1] = vy;
  }
}

/** Lists the visible particles and returns how many they are. */
function cull(positions, visible) {
  let seen = 0;
  for (let i = 0; i < positions.length; i += 2) {
    if (Math.abs(positions[i]) <= CAMERA.x && positions[i + 1] <= CAMERA.y) visible[seen++] = i;
  }
  return seen;
}

/** Each triangle points where its particle flies. */
function build(positions, velocities, visible, seen, vertices) {
  for (let k = 0; k < seen; k++) {
    const i = visible[k];
    const x = positions[i];
    const y = positions[i + 1];
    const speed = Math.sqrt(velocities[i] ** 2 + velocities[i + 1] ** 2) || 1;
    const dx = (SIZE * velocities[i]) / speed;
    const dy = (SIZE * velocities[i + 1]) / speed;
    const at = FLOATS * k;
    vertices[at] = x + 2 * dx;
    vertices[at + 1] = y + 2 * dy;
    vertices[at + 2] = x - dy;
    vertices[at + 3] = y + dx;
    vertices[at + 4] = x + dy;
    vertices[at + 5] = y - dx;
  }
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

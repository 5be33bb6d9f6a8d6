/**
 * The frames of a scene, in the order of a renderer: what the camera sees, sort keys and a
 * radix sort, matrices and normal matrices of what is drawn, bones, sprites.
 */
import { Arena, ArenaMemory } from '../../../js/index.js';
import { generator } from '../../random.js';

const FRAMES = 6;
const OBJECTS = 400;
const SKINNED = 6;
const EMITTERS = 8;
const IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

export function run() {
  const arena = new Arena({ memory: new ArenaMemory({ reserve: 2 ** 26 }) });
  const random = generator(1);
  const scene = makeScene(random);
  for (let frame = 0; frame < FRAMES; frame++) {
    draw(arena, scene, frame, random);
    arena.reset();
  }
}

function makeScene(random) {
  const place = () => [0, 1, 2].map(() => 100 * (random() - 0.5));
  return {
    objects: Array.from({ length: OBJECTS }, () => {
      return { place: place(), radius: 1 + random(), speed: random() - 0.5 };
    }),
    skinned: Array.from({ length: SKINNED }, () => ({ bones: 20 + Math.floor(random() * 40) })),
    emitters: Array.from({ length: EMITTERS }, () => ({ rate: Math.floor(random() * 200) })),
  };
}

function draw(arena, scene, frame, random) {
  const camera = multiply(
    arena.float32(16),
    perspective(arena),
    turn(arena.float32(16), frame / 9),
  );
  const { visible, count } = cull(arena, scene.objects, camera);
  const order = sort(arena, scene.objects, visible, count, camera);
  for (let i = 0; i < count; i++) {
    const world = worldOf(arena, scene.objects[order[i]], frame);
    const modelView = multiply(arena.float32(16), camera, world);
    normalOf(arena.float32(9), modelView);
  }
  for (const { bones } of scene.skinned) pose(arena, bones, frame);
  for (const { rate } of scene.emitters) emit(arena, Math.floor(rate * (0.5 + random())));
}

function perspective(arena) {
  const matrix = arena.float32(16).fill(0);
  matrix[0] = matrix[5] = 1.5;
  matrix[10] = matrix[11] = -1;
  matrix[14] = -0.2;
  return matrix;
}

function turn(out, angle) {
  out.set(IDENTITY);
  out[0] = out[10] = Math.cos(angle);
  out[8] = Math.sin(angle);
  out[2] = -out[8];
  return out;
}

function worldOf(arena, { place, speed }, frame) {
  const world = turn(arena.float32(16), speed * frame);
  for (let axis = 0; axis < 3; axis++) world[12 + axis] = place[axis] + speed * frame;
  return world;
}

function multiply(out, a, b) {
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      let sum = 0;
      for (let i = 0; i < 4; i++) sum += a[row + 4 * i] * b[i + 4 * column];
      out[row + 4 * column] = sum;
    }
  }
  return out;
}

/** The transposed inverse of its rotation, as far as a normal's direction needs it. */
function normalOf(out, m) {
  for (let i = 0; i < 3; i++) {
    const [a, b] = [4 * ((i + 1) % 3), 4 * ((i + 2) % 3)];
    for (let j = 0; j < 3; j++) {
      const [c, d] = [(j + 1) % 3, (j + 2) % 3];
      out[3 * i + j] = m[a + c] * m[b + d] - m[a + d] * m[b + c];
    }
  }
}

function cull(arena, objects, camera) {
  const planes = arena.float32(24);
  for (let side = 0; side < 6; side++) {
    for (let i = 0; i < 4; i++) {
      planes[4 * side + i] = camera[4 * i + 3] + (side % 2 ? -1 : 1) * camera[4 * i + (side >> 1)];
    }
  }
  const visible = arena.uint32(objects.length);
  let count = 0;
  objects.forEach(({ place: [x, y, z], radius }, index) => {
    for (let p = 0; p < 24; p += 4) {
      if (planes[p] * x + planes[p + 1] * y + planes[p + 2] * z + planes[p + 3] < -radius) return;
    }
    visible[count++] = index;
  });
  return { visible, count };
}

/** Radix sort by depth; its histogram and second list are scratch. */
function sort(arena, objects, visible, count, camera) {
  const order = arena.uint32(count);
  const mark = arena.mark();
  const keys = arena.uint16(count);
  const other = arena.uint32(count);
  for (let i = 0; i < count; i++) {
    const [x, y, z] = objects[visible[i]].place;
    keys[i] = 32768 + 64 * (camera[3] * x + camera[7] * y + camera[11] * z);
    order[i] = i;
  }
  sortDigit(arena.uint32(257), keys, order, other, 0);
  sortDigit(arena.uint32(257), keys, other, order, 8);
  for (let i = 0; i < count; i++) order[i] = visible[order[i]];
  arena.release(mark);
  return order;
}

function sortDigit(begins, keys, from, to, shift) {
  begins.fill(0);
  for (const i of from) begins[((keys[i] >> shift) & 255) + 1]++;
  for (let digit = 0; digit < 256; digit++) begins[digit + 1] += begins[digit];
  for (const i of from) to[begins[(keys[i] >> shift) & 255]++] = i;
}

/** Each bone's matrix is scratch, and what the GPU gets is one list. */
function pose(arena, bones, frame) {
  const matrices = arena.float32(16 * bones);
  for (let bone = 0; bone < bones; bone++) {
    arena.scope(() => {
      const local = turn(arena.float32(16), 0.1 * bone + frame);
      const parent = matrices.subarray(16 * Math.max(0, bone - 1), 16 * Math.max(1, bone));
      if (!bone) parent.set(IDENTITY);
      matrices.set(multiply(arena.float32(16), parent, local), 16 * bone);
    });
  }
}

/** Sprites: four corners of position, texture coordinates and colour, and their indices. */
function emit(arena, sprites) {
  const vertices = arena.float32(4 * 5 * sprites);
  const colours = arena.uint8(4 * 4 * sprites);
  const indices = arena.uint16(6 * sprites);
  for (let i = 0; i < vertices.length; i++) vertices[i] = i / 5;
  colours.fill(255);
  for (let i = 0; i < indices.length; i++) {
    indices[i] = 4 * Math.floor(i / 6) + [0, 1, 2, 0, 2, 3][i % 6];
  }
}

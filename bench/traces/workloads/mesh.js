/**
 * A mesher of voxel chunks: a quad for each face of a full voxel that has an empty neighbour. How
 * many there will be is unknown, so that the list of vertices, the arena's last block, grows by half
 * each time, and gives back in the end what was too much. The indices follow from their number.
 */
import { Arena, ArenaMemory } from '../../../js/index.js';
import { generator } from '../../random.js';

const CHUNKS = 24;
const EDGE = 16;
/** Numbers of a vertex: position and normal. */
const VERTEX = 6;
const FACES = [0, 1, 2].flatMap((axis) => [-1, 1].map((side) => ({ axis, side })));

export function run() {
  const arena = new Arena({ memory: new ArenaMemory({ reserve: 2 ** 26 }) });
  const random = generator(1);
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    mesh(arena, random);
    arena.reset();
  }
}

function mesh(arena, random) {
  const voxels = fill(arena, random);
  const vertices = new List(arena, arena.float32(64 * VERTEX));
  for (let z = 0; z < EDGE; z++) {
    for (let y = 0; y < EDGE; y++) {
      for (let x = 0; x < EDGE; x++) {
        if (voxels[indexOf(x, y, z)]) addFaces(voxels, [x, y, z], vertices);
      }
    }
  }
  vertices.resize(vertices.length);
  return { vertices: vertices.view, indices: indicesOf(arena, vertices.length / VERTEX / 4) };
}

/** A landscape: hills whose heights are noted in a table that only the filling needs. */
function fill(arena, random) {
  const voxels = arena.uint8(EDGE ** 3).fill(0);
  arena.scope(() => {
    const heights = arena.float32(EDGE * EDGE);
    const hills = arena.float32(3 * 8);
    for (let i = 0; i < hills.length; i++) hills[i] = random() * EDGE;
    for (let i = 0; i < heights.length; i++) {
      heights[i] = 1;
      for (let h = 0; h < hills.length; h += 3) {
        const distance = Math.hypot((i % EDGE) - hills[h], Math.floor(i / EDGE) - hills[h + 1]);
        heights[i] = Math.max(heights[i], hills[h + 2] - distance + 2 * random());
      }
    }
    for (let i = 0; i < voxels.length; i++) {
      if (Math.floor(i / (EDGE * EDGE)) < heights[i % (EDGE * EDGE)]) voxels[i] = 1;
    }
  });
  return voxels;
}

const indexOf = (x, y, z) => x + EDGE * (y + EDGE * z);

function addFaces(voxels, voxel, vertices) {
  for (const { axis, side } of FACES) {
    const beside = voxel.with(axis, voxel[axis] + side);
    if (beside[axis] >= 0 && beside[axis] < EDGE && voxels[indexOf(...beside)]) continue;
    for (let corner = 0; corner < 4; corner++) addVertex(vertices, voxel, axis, side, corner);
  }
}

function addVertex(vertices, voxel, axis, side, corner) {
  const position = voxel.with(axis, voxel[axis] + (side + 1) / 2);
  position[(axis + 1) % 3] += corner === 1 || corner === 2 ? 1 : 0;
  position[(axis + 2) % 3] += corner >= 2 ? 1 : 0;
  vertices.push(...position, ...[0, 0, 0].with(axis, side));
}

/** Two triangles a quad. */
function indicesOf(arena, quads) {
  const indices = arena.uint32(6 * quads);
  for (let i = 0; i < indices.length; i++) {
    indices[i] = 4 * Math.floor(i / 6) + [0, 1, 2, 0, 2, 3][i % 6];
  }
  return indices;
}

/** A list of unknown length. */
class List {
  constructor(arena, view) {
    this.arena = arena;
    this.view = view;
    this.length = 0;
  }

  push(...numbers) {
    while (this.length + numbers.length > this.view.length) {
      this.resize(Math.ceil(1.5 * this.view.length));
    }
    this.view.set(numbers, this.length);
    this.length += numbers.length;
  }

  resize(length) {
    const { byteOffset, byteLength, BYTES_PER_ELEMENT: size, constructor } = this.view;
    const ptr = this.arena.realloc(byteOffset, byteLength, size * length, size);
    this.view = this.arena.view(constructor, ptr, length);
  }
}

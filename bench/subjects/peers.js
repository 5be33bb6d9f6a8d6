/**
 * One workload with one contender of the matrix: a frame of 1,000 blocks, and all are given back.
 * After the figure is taken, a frame's blocks have to lie apart and keep what is written to them.
 */
import { FRAME, measure } from '../sampling.js';
import { generator } from '../random.js';

const LEAST = 16;
const MOST = 4096;

/** Where blocks are views, one element is written. */
export async function alloc(name) {
  const contender = await open(name, { size: 64 });
  const { alloc, reset, buffer } = contender;
  const frameOfOffsets = () => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= alloc(64, 8);
    reset();
    return sum;
  };
  const frameOfViews = () => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const view = alloc(64, 8);
      view[0] = i;
      sum ^= view.length;
    }
    reset();
    return sum;
  };
  const result = measure(buffer ? frameOfOffsets : frameOfViews);
  checkBlocks(contender, () => 64);
  return result;
}

/** 16 B to 4 KiB, log-uniform. */
export async function mixed(name) {
  const random = generator(1);
  const sizes = Uint16Array.from({ length: FRAME }, () =>
    Math.floor(LEAST * (MOST / LEAST) ** random()),
  );
  const contender = await open(name, {});
  const { alloc, reset, buffer } = contender;
  const frameOfOffsets = () => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= alloc(sizes[i], 8);
    reset();
    return sum;
  };
  const frameOfViews = () => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const view = alloc(sizes[i], 8);
      view[0] = i;
      sum ^= view.length;
    }
    reset();
    return sum;
  };
  const result = measure(buffer ? frameOfOffsets : frameOfViews);
  checkBlocks(contender, (i) => sizes[i]);
  return result;
}

export const float32x16 = (name) => views(name, 'float32', 16, 64);
export const float32x256 = (name) => views(name, 'float32', 256, 1024);
export const zeroed = (name) => views(name, 'zeroed', 256, 256);

async function views(name, method, length, size) {
  const contender = await open(name, { size });
  const { [method]: make, reset } = contender;
  const result = measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const view = make(length);
      view[0] = i;
      sum ^= view.length;
    }
    reset();
    return sum;
  });
  check(contender, () => make(length), method === 'zeroed');
  return result;
}

async function open(name, workload) {
  const { contender } = await import(`../contenders/${name}.js`);
  return contender(workload);
}

function checkBlocks(contender, sizeOf) {
  const { alloc, buffer } = contender;
  check(contender, (i) => {
    const block = alloc(sizeOf(i), 8);
    if (!buffer) return block;
    if (block % 8) throw new Error('a block is not aligned');
    return new Uint8Array(buffer(), block >>> 0, sizeOf(i));
  });
}

/** Two frames: the second one finds the bytes of the first one, unless they are to be zeroed. */
function check({ reset }, make, isZeroed) {
  for (let frame = 0; frame < 2; frame++) {
    const made = Array.from({ length: FRAME }, (_, i) => make(i));
    const blocks = made.map((v) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength));
    if (isZeroed && blocks.some((block) => block.some((byte) => byte !== 0))) {
      throw new Error('a zeroed block has something in it');
    }
    blocks.forEach((block, i) => block.fill(i % 251));
    if (blocks.some((block, i) => block.some((byte) => byte !== i % 251))) {
      throw new Error('two blocks overlap');
    }
    reset();
  }
}

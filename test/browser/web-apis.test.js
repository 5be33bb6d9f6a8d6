/*
 * What Web APIs make of views on an arena. Each row sends a view through an API and gives back what
 * arrived there: exactly the view's bytes, or nothing and an error. An API that is not there is
 * skipped. What came of each is left in `outcome`: docs/web-apis.md is made of it.
 */
import assert from 'node:assert/strict';
import { Arena, ArenaMemory } from '../../js/index.js';

const MIB = 2 ** 20;

/** Elements of each view, a multiple of 4; 8 × 8 pixels for those that take pixels. */
const LENGTH = 256;

const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
const sameBytes = (a, b) => assert.deepEqual([...a], [...b]);

let gl;
let gpu;

before(async () => {
  gl = document.createElement('canvas').getContext('webgl2');
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  gpu = await adapter?.requestDevice();
});

after(() => gpu?.destroy());

/**
 * APIs that read a view. `Type` is what they take; `there` says whether the engine has them; `send`
 * gives back the bytes that arrived.
 */
const READERS = {
  'WebGL2 bufferData': {
    there: () => gl,
    send: (view) => throughBuffer(view.byteLength, () => gl.bufferData(...vertices(view))),
  },
  'WebGL2 bufferData, memory.u8 with offset and length': {
    there: () => gl,
    send: (view, { u8 }) =>
      throughBuffer(view.byteLength, () =>
        gl.bufferData(gl.ARRAY_BUFFER, u8, gl.STATIC_DRAW, view.byteOffset, view.byteLength),
      ),
  },
  'WebGL2 bufferSubData': {
    there: () => gl,
    send: (view) =>
      throughBuffer(view.byteLength, () => {
        gl.bufferData(gl.ARRAY_BUFFER, view.byteLength, gl.STATIC_DRAW);
        gl.bufferSubData(gl.ARRAY_BUFFER, 0, view);
      }),
  },
  'WebGL2 bufferSubData, memory.u8 with offset and length': {
    there: () => gl,
    send: (view, { u8 }) =>
      throughBuffer(view.byteLength, () => {
        gl.bufferData(gl.ARRAY_BUFFER, view.byteLength, gl.STATIC_DRAW);
        gl.bufferSubData(gl.ARRAY_BUFFER, 0, u8, view.byteOffset, view.byteLength);
      }),
  },
  'WebGL2 texSubImage2D': {
    there: () => gl,
    Type: Uint8Array,
    send: (view) => throughTexture(view, 0),
  },
  'WebGL2 texSubImage2D, memory.u8 with offset': {
    there: () => gl,
    Type: Uint8Array,
    send: (view, { u8 }) => throughTexture(u8, view.byteOffset),
  },
  'WebGPU writeBuffer': {
    there: () => gpu,
    send: (view) => throughGPU(view.byteLength, view),
  },
  'WebGPU writeBuffer, memory.buffer with offset and length': {
    there: () => gpu,
    send: (view, { buffer }) =>
      throughGPU(view.byteLength, buffer, view.byteOffset, view.byteLength),
  },
  'TextDecoder.decode': {
    there: () => globalThis.TextDecoder,
    Type: Uint8Array,
    values: (i) => 32 + (i % 95),
    send: (view) => new TextEncoder().encode(new TextDecoder().decode(view)),
  },
  'crypto.subtle.digest': {
    there: () => globalThis.crypto?.subtle,
    send: (view) => crypto.subtle.digest('SHA-256', view).then((sum) => new Uint8Array(sum)),
    arrives: (bytes) => crypto.subtle.digest('SHA-256', bytes).then((sum) => new Uint8Array(sum)),
  },
  'ImageData and putImageData': {
    there: () => globalThis.ImageData,
    Type: Uint8ClampedArray,
    values: opaque,
    send(view) {
      const context = document.createElement('canvas').getContext('2d');
      context.putImageData(new ImageData(view, 8, 8), 0, 0);
      return context.getImageData(0, 0, 8, 8).data;
    },
  },
  'AudioBuffer.copyToChannel': {
    there: () => globalThis.AudioBuffer,
    Type: Float32Array,
    send(view) {
      const audio = new AudioBuffer({ length: view.length, sampleRate: 48_000 });
      audio.copyToChannel(view, 0);
      return bytesOf(audio.getChannelData(0));
    },
  },
  Blob: {
    there: () => globalThis.Blob,
    send: async (view) => new Uint8Array(await new Blob([view]).arrayBuffer()),
  },
  'fetch, as a body': {
    there: () => globalThis.fetch,
    async send(view) {
      const answer = await fetch('/echo', { method: 'POST', body: view });
      return new Uint8Array(await answer.arrayBuffer());
    },
  },
  'WebSocket.send': {
    there: () => globalThis.WebSocket,
    send: throughWebSocket,
  },
  'structuredClone(view.slice())': {
    there: () => globalThis.structuredClone,
    send: (view) => wholeBuffer(structuredClone(view.slice())),
  },
  'postMessage(view.slice())': {
    there: () => globalThis.MessageChannel,
    send: async (view) => wholeBuffer(await throughPort(view.slice())),
  },
};

/** APIs that write into a view: `fill` gives back the bytes that are to be in it then. */
const WRITERS = {
  'WebGL2 readPixels': {
    there: () => gl,
    Type: Uint8Array,
    fill(view) {
      const pixels = Uint8Array.from({ length: LENGTH }, (_, i) => opaque(i));
      throughTexture(pixels, 0, view);
      return pixels;
    },
  },
  'WebGL2 getBufferSubData': {
    there: () => gl,
    fill(view) {
      const data = Uint8Array.from({ length: view.byteLength }, (_, i) => i);
      throughBuffer(0, () => {
        gl.bufferData(...vertices(data));
        gl.getBufferSubData(gl.ARRAY_BUFFER, 0, view);
      });
      return data;
    },
  },
  'TextEncoder.encodeInto': {
    there: () => globalThis.TextEncoder?.prototype.encodeInto,
    Type: Uint8Array,
    fill(view) {
      const text = 'é'.repeat(LENGTH / 2);
      assert.deepEqual(new TextEncoder().encodeInto(text, view).written, LENGTH);
      return new TextEncoder().encode(text);
    },
  },
  'crypto.getRandomValues': {
    there: () => globalThis.crypto?.getRandomValues,
    Type: Uint8Array,
    fill(view) {
      crypto.getRandomValues(view);
      assert.ok(new Set(view).size > LENGTH / 8, 'nothing random was written');
      return view.slice();
    },
  },
  'AudioBuffer.copyFromChannel': {
    there: () => globalThis.AudioBuffer,
    Type: Float32Array,
    fill(view) {
      const audio = new AudioBuffer({ length: view.length, sampleRate: 48_000 });
      audio.getChannelData(0).forEach((_, i, samples) => (samples[i] = i / LENGTH));
      audio.copyFromChannel(view, 0);
      return bytesOf(audio.getChannelData(0));
    },
  },
};

describe('Web APIs on a fixed buffer', () => {
  for (const [name, { there, Type, values, send, arrives = (bytes) => bytes }] of rows(READERS)) {
    it(`${name}: takes a view, and exactly its bytes`, async function () {
      if (!there()) this.skip();
      const { memory, view } = newView({}, Type, values);
      const expected = await arrives(bytesOf(view));
      sameBytes(await send(view, memory), expected);
      this.test.outcome = 'works';
    });
  }

  for (const [name, { there, Type, fill }] of rows(WRITERS)) {
    it(`${name}: writes into a view, and nowhere else`, async function () {
      if (!there()) this.skip();
      const { view, assertAlone } = newView({}, Type);
      sameBytes(await fill(view), bytesOf(view));
      assertAlone();
      this.test.outcome = 'works';
    });
  }

  it('structuredClone of a view, not of its slice, copies the whole memory', function () {
    const { memory, view } = newView({}, Uint8Array);
    const clone = structuredClone(view);
    sameBytes(clone, view);
    assert.equal(clone.byteOffset, view.byteOffset);
    assert.equal(clone.buffer.byteLength, memory.buffer.byteLength);
  });

  it('postMessage of a view, not of its slice, copies the whole memory', async () => {
    const { memory, view } = newView({}, Uint8Array);
    const clone = await throughPort(view);
    sameBytes(clone, view);
    assert.equal(clone.buffer.byteLength, memory.buffer.byteLength);
  });

  it('a memory is transferred to nobody', () => {
    const { memory, view } = newView({}, Uint8Array);
    assert.throws(() => structuredClone(view, { transfer: [memory.buffer] }));
    assert.equal(view.length, LENGTH);
  });

  it('the page is a secure context, in which all of them are', () => assert.ok(isSecureContext));
});

/* Each engine may refuse what lies on a resizable buffer; none may take other bytes. */
describe('Web APIs on a resizable buffer', () => {
  before(function () {
    if (!WebAssembly.Memory.prototype.toResizableBuffer) this.skip();
  });

  for (const [name, { there, Type, values, send, arrives = (bytes) => bytes }] of rows(READERS)) {
    it(`${name}: takes exactly the bytes of a view, or refuses it and takes view.slice()`, async function () {
      if (!there()) this.skip();
      const { memory, view } = newView({ buffer: 'resizable' }, Type, values);
      const expected = await arrives(bytesOf(view));
      const slice = view.slice();
      const { buffer } = slice;
      const arrived =
        (await outcome(this.test, () => send(view, memory))) ??
        (await send(slice, { buffer, u8: new Uint8Array(buffer) }));
      sameBytes(arrived, expected);
    });
  }

  for (const [name, { there, Type, fill }] of rows(WRITERS)) {
    it(`${name}: writes into a view and nowhere else, or refuses it`, async function () {
      if (!there()) this.skip();
      const { view, assertAlone } = newView({ buffer: 'resizable' }, Type);
      const expected = await outcome(this.test, () => fill(view));
      if (expected) sameBytes(expected, bytesOf(view));
      assertAlone();
    });
  }
});

function rows(apis) {
  return Object.entries(apis);
}

/** A view between two blocks that nobody is to touch, in a memory of its own. */
function newView(options, Type = Float32Array, values = (i) => (i * 7) % 251) {
  const memory = new ArenaMemory({ reserve: MIB, ...options });
  const arena = new Arena({ memory });
  const before = arena.uint8(64).fill(0xaa);
  const view = arena.from(Type.from({ length: LENGTH }, (_, i) => values(i)));
  const after = arena.uint8(64).fill(0xaa);
  const assertAlone = () => {
    for (const wall of [before, after]) assert.ok(wall.every((byte) => byte === 0xaa));
  };
  return { memory, view, assertAlone };
}

/**
 * What `fn` gives; nothing where the engine refuses, and the test's outcome is the error then. The
 * engine's errors have no `code` that is a string, those of assertions and of arenas have.
 */
async function outcome(test, fn) {
  try {
    const result = await fn();
    test.outcome = 'works';
    return result;
  } catch (error) {
    if (typeof error.code === 'string') throw error;
    test.outcome = `${error.name}: ${error.message}`;
    return undefined;
  }
}

/* Canvases keep colours times alpha: what is to come back is opaque. */
function opaque(i) {
  return i % 4 === 3 ? 255 : (i * 7) % 251;
}

const vertices = (data) => [gl.ARRAY_BUFFER, data, gl.STATIC_DRAW];

/** What is in a buffer of WebGL's after `upload`. */
function throughBuffer(size, upload) {
  const arrived = new Uint8Array(size);
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  try {
    upload();
    if (size) gl.getBufferSubData(gl.ARRAY_BUFFER, 0, arrived);
  } finally {
    gl.deleteBuffer(buffer);
  }
  assert.equal(gl.getError(), gl.NO_ERROR);
  return arrived;
}

/** What a frame buffer with a texture of 8 × 8 pixels reads. */
function throughTexture(data, offset, arrived = new Uint8Array(LENGTH)) {
  const rgba = [gl.RGBA, gl.UNSIGNED_BYTE];
  const texture = gl.createTexture();
  const frame = gl.createFramebuffer();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  try {
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, 8, 8);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, 8, 8, ...rgba, data, offset);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    gl.readPixels(0, 0, 8, 8, ...rgba, arrived);
  } finally {
    gl.deleteFramebuffer(frame);
    gl.deleteTexture(texture);
  }
  assert.equal(gl.getError(), gl.NO_ERROR);
  return arrived;
}

/** What is in a buffer of WebGPU's after `writeBuffer` with `args`. */
async function throughGPU(size, ...args) {
  const { COPY_SRC, COPY_DST, MAP_READ } = globalThis.GPUBufferUsage;
  const written = gpu.createBuffer({ size, usage: COPY_SRC | COPY_DST });
  const read = gpu.createBuffer({ size, usage: COPY_DST | MAP_READ });
  gpu.queue.writeBuffer(written, 0, ...args);
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(written, 0, read, 0, size);
  gpu.queue.submit([encoder.finish()]);
  await read.mapAsync(globalThis.GPUMapMode.READ);
  return new Uint8Array(read.getMappedRange().slice(0));
}

async function throughWebSocket(view) {
  const socket = new WebSocket(`ws://${location.host}/echo`);
  socket.binaryType = 'arraybuffer';
  try {
    await new Promise((resolve) => (socket.onopen = resolve));
    const answer = new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
    socket.send(view);
    return new Uint8Array(await answer);
  } finally {
    socket.close();
  }
}

async function throughPort(message) {
  const { port1, port2 } = new MessageChannel();
  try {
    const arrived = new Promise((resolve) => (port2.onmessage = ({ data }) => resolve(data)));
    port1.postMessage(message);
    return await arrived;
  } finally {
    port1.close();
  }
}

/** The bytes of all that came with a view. */
const wholeBuffer = ({ buffer }) => new Uint8Array(buffer);

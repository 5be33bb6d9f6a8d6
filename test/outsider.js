/**
 * (module
 *   (import "env" "memory" (memory 1))
 *   (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
 *   (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0))))
 */
const BYTES = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x06, 0x01, 0x60, 0x01, 0x7f, 0x01, 0x7f],
  ...[0x02, 0x0f, 0x01, 0x03, 0x65, 0x6e, 0x76, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79],
  ...[0x02, 0x00, 0x01],
  ...[0x03, 0x03, 0x02, 0x00, 0x00],
  ...[0x07, 0x0f, 0x02, 0x04, 0x67, 0x72, 0x6f, 0x77, 0x00, 0x00],
  ...[0x04, 0x72, 0x65, 0x61, 0x64, 0x00, 0x01],
  ...[0x0a, 0x10, 0x02, 0x06, 0x00, 0x20, 0x00, 0x40, 0x00, 0x0b],
  ...[0x07, 0x00, 0x20, 0x00, 0x2d, 0x00, 0x00, 0x0b],
);

/** Another wasm module that imports the memory of an ArenaMemory: it can grow and read it. */
export function outsider(memory) {
  const module = new WebAssembly.Module(BYTES);
  return new WebAssembly.Instance(module, { env: { memory: memory.wasmMemory } }).exports;
}

/** The module itself: one that is no arena.wasm. */
export const otherModule = () => new WebAssembly.Module(BYTES);

/** The three ways in which somebody else grows a memory by so many pages. */
export const OUTSIDE = {
  'memory.wasmMemory.grow': (memory, pages) => memory.wasmMemory.grow(pages),
  'WebAssembly.Memory.prototype.grow': (memory, pages) =>
    WebAssembly.Memory.prototype.grow.call(memory.wasmMemory, pages),
  "another module's memory.grow": (memory, pages) => outsider(memory).grow(pages),
};

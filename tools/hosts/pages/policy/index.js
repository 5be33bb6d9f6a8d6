import { Arena } from 'wasm-arena';

try {
  const arena = new Arena();
  globalThis.outcome = { used: arena.uint8(8).length };
  arena.free();
} catch ({ code, message }) {
  globalThis.outcome = { code, message };
}

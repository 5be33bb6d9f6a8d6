import { Arena } from 'wasm-arena';

const arena = new Arena();
const sum = arena.scope(() => arena.float32(1000).fill(0.5)[999] + arena.used);
globalThis.outcome = { sum, used: arena.used };

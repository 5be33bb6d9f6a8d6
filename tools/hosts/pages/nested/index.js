import { Arena } from 'wasm-arena';
import 'wasm-arena/allocators';

const arena = new Arena();
const child = new Arena({ on: arena });
child.uint8(100);
globalThis.outcome = { used: child.used, inside: arena.used > child.used };

export { Arena } from './arena.js';
export { FrameArenas } from './frames.js';
export { ArenaError, ArenaOutOfMemoryError } from './errors.js';
export { ArenaMemory } from './memory.js';

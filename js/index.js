export { Arena } from './arena.js';
export { ArenaError, ArenaOutOfMemoryError } from './errors.js';
export { ArenaMemory } from './memory.js';

export { RequestArena } from './request-arena.js';
export { currentArena, RequestArenas } from './request-arenas.js';

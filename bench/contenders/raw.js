import { raw } from '../peers/raw.js';
import { onBuffer } from './contender.js';

export function contender() {
  const { core, memory, open } = raw();
  const { alloc, reset } = core;
  const header = open();
  return onBuffer({
    buffer: () => memory.buffer,
    alloc: (size, align = 8) => alloc(header, size, align),
    reset: () => reset(header),
  });
}

import { RequestArenas } from '../../js/node.js';

const acquired = [];

/** A RequestArenas whose `acquire` needs no `free`: that is done after each test. */
export function freedArenas(options) {
  const arenas = new RequestArenas(options);
  const acquire = arenas.acquire.bind(arenas);
  arenas.acquire = () => {
    acquired.push(acquire());
    return acquired.at(-1);
  };
  return arenas;
}

afterEach(() => {
  for (const arena of acquired.splice(0)) arena.free();
});

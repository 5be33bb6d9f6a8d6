import { moduleBytes } from '../../js/wasm.js';

const PAGES = 256;

/** As js/memory.js has them: where the arena of headers is in the module's state, and their size. */
const HEADERS = 55 * 4;
const HEADER_SIZE = 56;

/**
 * The package's own module without its wrapper, used as a JavaScript program uses any allocator that
 * was compiled to wasm: through its exports, with an address of an arena's header.
 *
 * @returns {{ core: any, memory: WebAssembly.Memory, open: () => number }} the exports, their memory,
 *   and what makes a header
 */
export function raw() {
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const module = new WebAssembly.Module(moduleBytes());
  const core = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const state = core.init(PAGES * 65536);
  const open = () => {
    const header = core.alloc(state + HEADERS, HEADER_SIZE, 8);
    core.open(header, 0, 0xffffffff, 0);
    return header;
  };
  return { core, memory, open };
}

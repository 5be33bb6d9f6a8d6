/** Typed arrays as the language has them: zeroed, and collected one day. */
export function contender() {
  return {
    alloc: (size) => new Uint8Array(size),
    float32: (length) => new Float32Array(length),
    zeroed: (length) => new Uint8Array(length),
    reset: () => {},
    view,
    realloc: (block, oldSize, newSize) => copy(new Uint8Array(newSize), block),
    grow: (old, kind, length) => copy(view(kind, length), old),
    mark: () => 0,
    release: () => {},
  };
}

function view(kind, length) {
  switch (kind) {
    case 1:
      return new Uint8Array(length);
    case 2:
      return new Uint16Array(length);
    case 3:
      return new Uint32Array(length);
    case 4:
      return new Int32Array(length);
    case 5:
      return new Float32Array(length);
    default:
      return new Float64Array(length);
  }
}

/** The elements that fit. */
function copy(to, from) {
  to.set(from.length > to.length ? from.subarray(0, to.length) : from);
  return to;
}

export function contender() {
  return {
    alloc: (size) => Buffer.alloc(size),
    zeroed: (length) => Buffer.alloc(length),
    reset: () => {},
  };
}

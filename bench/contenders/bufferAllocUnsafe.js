export function contender() {
  return {
    alloc: (size) => Buffer.allocUnsafe(size),
    zeroed: (length) => Buffer.allocUnsafe(length).fill(0),
    reset: () => {},
  };
}

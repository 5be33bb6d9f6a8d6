/**
 * The bump allocator that one writes by hand: offsets into a buffer, the cursor in a field. It checks
 * what its author remembers, alignment and limit, and trusts its arguments.
 */
export class Bump {
  constructor(bytes) {
    this.cursor = 0;
    this.limit = bytes;
  }

  alloc(size, align = 8) {
    const start = (this.cursor + (align - 1)) & -align;
    const end = start + size;
    if (end > this.limit) throw new RangeError('out of memory');
    this.cursor = end;
    return start;
  }

  reset() {
    this.cursor = 0;
  }
}

export const PAGE = 65536;

/** A number that tells [ptr, ptr + size) from other bytes: FNV-1a. */
export function sum(bytes, ptr, size) {
  let hash = 0x811c9dc5;
  for (let at = ptr; at < ptr + size; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  return hash >>> 0;
}

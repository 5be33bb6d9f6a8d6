/**
 * Errors are native ones (RangeError, TypeError, Error) that carry a stable `code`. Nothing has
 * changed when one is thrown.
 *
 * | code | class | when |
 * |---|---|---|
 * | `ERR_ARENA_OUT_OF_MEMORY` | ArenaOutOfMemoryError | the arena's limit, the memory's maximum or the engine said no |
 * | `ERR_ARENA_SIZE` | RangeError, TypeError | a size or length that is no integer from 0 to 2³² − 1 |
 * | `ERR_ARENA_ALIGNMENT` | RangeError, TypeError | an alignment that is no power of two from 1 to 65,536, or too small |
 * | `ERR_ARENA_MARK` | RangeError | a mark that is not open in this arena |
 * | `ERR_ARENA_BOUNDS` | RangeError | a range outside the used bytes of one chunk; a stale view |
 * | `ERR_ARENA_FREED` | Error | use after `free()` |
 * | `ERR_ARENA_ASYNC` | TypeError | a thenable from `scope` |
 * | `ERR_ARENA_ARGUMENT` | TypeError | bad options or sources |
 * | `ERR_ARENA_UNSUPPORTED` | Error | an engine or policy without what is needed |
 *
 * @typedef {'ERR_ARENA_OUT_OF_MEMORY' | 'ERR_ARENA_SIZE' | 'ERR_ARENA_ALIGNMENT' |
 *   'ERR_ARENA_MARK' | 'ERR_ARENA_BOUNDS' | 'ERR_ARENA_FREED' | 'ERR_ARENA_ASYNC' |
 *   'ERR_ARENA_ARGUMENT' | 'ERR_ARENA_UNSUPPORTED'} ArenaErrorCode
 */

/**
 * What every error of this package is an instance of, whatever its native class. Never constructed.
 *
 * @example
 * try {
 *   arena.alloc(-1);
 * } catch (error) {
 *   error instanceof ArenaError; // true
 *   error instanceof RangeError; // true
 *   error.code;                  // 'ERR_ARENA_SIZE'
 * }
 */
export class ArenaError {
  constructor() {
    throw new TypeError('ArenaError is never constructed');
  }

  /**
   * @param {unknown} error
   * @returns {error is Error & { code: ArenaErrorCode }}
   */
  static [Symbol.hasInstance](error) {
    return /^ERR_ARENA_/.test(/** @type {any} */ (error)?.code);
  }
}

/** Memory is out: the arena's limit is reached, the memory's maximum, or the engine's patience. */
export class ArenaOutOfMemoryError extends RangeError {}

/**
 * Makes an error of a native class with a code.
 *
 * @internal
 * @param {new (message: string, options?: ErrorOptions) => Error} Class
 * @param {ArenaErrorCode} code
 * @param {string} message
 * @param {any} [cause]
 */
export function arenaError(Class, code, message, cause) {
  return Object.assign(new Class(message, cause && { cause }), { code });
}

/**
 * How a value reads in a message; never calls anything of the value's own.
 *
 * @internal
 * @param {unknown} value
 */
export function show(value) {
  if (Object(value) === value) return `a ${typeof value}`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}

/**
 * @internal
 * @param {ArenaErrorCode} code
 * @param {unknown} value
 * @param {string} expected
 * @returns {never}
 */
export function refuseValue(code, value, expected) {
  const Class = typeof value === 'number' ? RangeError : TypeError;
  throw arenaError(Class, code, `${expected}, not ${show(value)}`);
}

/**
 * @internal
 * @param {unknown} value
 * @param {string} name
 * @returns {asserts value is number} an integer from 0 to 2³² − 1
 */
export function checkSize(value, name) {
  if (typeof value === 'number' && value >>> 0 === value) return;
  refuseValue('ERR_ARENA_SIZE', value, `${name} must be an integer from 0 to 4294967295`);
}

/**
 * @internal
 * @param {unknown} value
 * @param {number} [least] the element size that a typed view needs
 * @returns {asserts value is number} a power of two from `least` to 65,536
 */
export function checkAlign(value, least = 1) {
  const power = typeof value === 'number' && (value & -value) === value;
  if (power && value >= least && value <= 65536) return;
  refuseValue('ERR_ARENA_ALIGNMENT', value, `align must be a power of two from ${least} to 65536`);
}

/**
 * @internal
 * @param {number} value
 * @param {string} name
 * @param {number} most
 */
export function checkMost(value, name, most) {
  if (value > most) refuseValue('ERR_ARENA_SIZE', value, `${name} must be at most ${most}`);
}

/**
 * @internal
 * @param {string} message
 * @param {any} [cause]
 */
export function badArgument(message, cause) {
  return arenaError(TypeError, 'ERR_ARENA_ARGUMENT', message, cause);
}

/**
 * @internal
 * @param {string} message
 * @param {any} [cause]
 */
export function unsupported(message, cause) {
  return arenaError(Error, 'ERR_ARENA_UNSUPPORTED', message, cause);
}

/**
 * @internal
 * @param {string} what what was asked for, and by whom
 * @param {string | undefined} refusal which limit said no
 * @param {any} [cause]
 */
export function outOfMemory(what, refusal, cause) {
  const message = `out of memory: no ${what}; refused by ${refusal}`;
  return arenaError(ArenaOutOfMemoryError, 'ERR_ARENA_OUT_OF_MEMORY', message, cause);
}

/**
 * A global that not every engine or host has.
 *
 * @internal
 * @param {string} name
 * @returns {any}
 */
export function optional(name) {
  const value = /** @type {any} */ (globalThis)[name];
  if (!value) throw unsupported(`no ${name} here`);
  return value;
}

/**
 * @internal
 * @param {any} options
 * @param {Record<string, string>} types what `typeof` says of each option that is given
 */
export function checkOptions(options, types) {
  if (Object(options) !== options) throw badArgument(`no options: ${show(options)}`);
  for (const name in types) {
    const value = options[name];
    if (value !== undefined && typeof value !== types[name]) {
      throw badArgument(`${name} must be a ${types[name]}, not ${show(value)}`);
    }
  }
}

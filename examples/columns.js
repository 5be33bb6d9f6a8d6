/**
 * What the readers of CSV and of newline-delimited JSON share: columns of numbers and of texts, and
 * the summary of a column: count, sum, least and most of numbers, the most frequent values of texts.
 *
 * In an arena, texts are where the body has them: addresses in the memory, found again by their
 * bytes. In plain JavaScript they are strings in arrays. Empty values don't count in either. A
 * column is one of numbers when all its values are numbers as JSON writes them, so that a zip code
 * such as 00501 stays a text.
 */

import { isUtf8 } from 'node:buffer';

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const MOST_FREQUENT = 3;

/** What is wrong with a body. */
export class InputError extends Error {}

/* ---- in an arena ---- */

const [LF, MINUS, POINT, ZERO] = Buffer.from('\n-.0');
const BYTE_ORDER_MARK = Buffer.from('\ufeff');
/** What a body of unknown length begins with, in bytes. */
const ROOM = 65536;
/** Integers and powers of ten up to here are exact, so dividing them rounds as `Number` does. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from({ length: EXACT_DIGITS }, (_, i) => 10 ** i);

/** A body that arrives in pieces. */
export class Body {
  /**
   * @param {import('../js/index.js').Arena} arena
   * @param {number} [length] bytes, where it is known
   */
  constructor(arena, length = ROOM) {
    this.arena = arena;
    this.bytes = arena.uint8(length + 1);
    this.size = 0;
  }

  /** @param {Uint8Array} piece */
  add(piece) {
    const size = this.size + piece.length;
    while (size >= this.bytes.length) {
      this.bytes = resize(this.arena, this.bytes, 2 * this.bytes.length);
    }
    this.bytes.set(piece, this.size);
    this.size = size;
  }

  /**
   * @returns {Uint8Array} the text, without a byte order mark and with a line end
   * @throws {InputError} it is not UTF-8
   */
  end() {
    const { arena, bytes, size } = this;
    checkUtf8(bytes.subarray(0, size));
    bytes[size] = LF;
    const text = size + 1 < bytes.length ? resize(arena, bytes, size + 1) : bytes;
    const isMarked = BYTE_ORDER_MARK.every((byte, i) => text[i] === byte);
    return isMarked ? text.subarray(BYTE_ORDER_MARK.length) : text;
  }
}

/**
 * How a list of unknown length grows. The arena's last block stays where it is if the memory behind
 * it is free, and gives back what was too much in the end.
 */
export function resize(arena, view, length) {
  const { byteOffset, byteLength, BYTES_PER_ELEMENT } = view;
  const bytes = length * BYTES_PER_ELEMENT;
  const ptr = arena.realloc(byteOffset, byteLength, bytes, BYTES_PER_ELEMENT);
  return arena.view(view.constructor, ptr, length);
}

/** Words of an entry in a table of texts. */
const [HASH, START, LENGTH, COUNT, ENTRY] = [0, 1, 2, 3, 4];

/** Distinct texts, numbered in the order in which they came, and how often each was added. */
export class Texts {
  /**
   * @param {import('../js/index.js').Arena} arena
   * @param {Uint8Array} bytes the memory; addresses of texts are in it
   */
  constructor(arena, bytes) {
    this.arena = arena;
    this.bytes = bytes;
    this.length = 0;
    this.entries = arena.uint32(16 * ENTRY);
    /* A hash table: it has a text's number + 1, or 0 where there is none. */
    this.slots = arena.uint32(32).fill(0);
  }

  /** Forgets all texts, and keeps its size. */
  clear() {
    this.length = 0;
    this.slots.fill(0);
  }

  /** @returns the number of the text */
  add(start, length) {
    const { bytes, slots, entries } = this;
    const hash = hashOf(bytes, start, length);
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (; slots[slot]; slot = (slot + 1) & mask) {
      const entry = ENTRY * (slots[slot] - 1);
      if (entries[entry + HASH] !== hash || entries[entry + LENGTH] !== length) continue;
      if (!isSame(bytes, entries[entry + START], start, length)) continue;
      entries[entry + COUNT]++;
      return slots[slot] - 1;
    }
    return this.append(slot, hash, start, length);
  }

  append(slot, hash, start, length) {
    const { entries, slots } = this;
    const entry = ENTRY * this.length;
    entries[entry + HASH] = hash;
    entries[entry + START] = start;
    entries[entry + LENGTH] = length;
    entries[entry + COUNT] = 1;
    slots[slot] = ++this.length;
    if (2 * this.length === slots.length) this.grow();
    return this.length - 1;
  }

  grow() {
    const { arena, entries } = this;
    this.slots = arena.uint32(4 * this.slots.length).fill(0);
    this.entries = arena.uint32(4 * entries.length);
    this.entries.set(entries);
    const mask = this.slots.length - 1;
    for (let number = 0; number < this.length; number++) {
      let slot = entries[ENTRY * number + HASH] & mask;
      while (this.slots[slot]) slot = (slot + 1) & mask;
      this.slots[slot] = number + 1;
    }
  }

  countOf(number) {
    return this.entries[ENTRY * number + COUNT];
  }

  /** @returns whether that is the text with this number */
  is(number, start, length) {
    const entry = ENTRY * number;
    if (this.entries[entry + LENGTH] !== length) return false;
    return isSame(this.bytes, this.entries[entry + START], start, length);
  }

  /** @returns {string} */
  textOf(number) {
    const start = this.entries[ENTRY * number + START];
    return decode(this.bytes, start, start + this.entries[ENTRY * number + LENGTH]);
  }
}

/** FNV-1a, and its high bits mixed into the low ones, which a table looks at. */
function hashOf(bytes, start, length) {
  const end = start + length;
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function isSame(bytes, a, b, length) {
  let i = 0;
  while (i < length && bytes[a + i] === bytes[b + i]) i++;
  return i === length;
}

/**
 * A string of UTF-8 in which half a surrogate pair may stand alone, as any other character of three
 * bytes: JSON can write that.
 *
 * @param {Buffer} bytes
 */
export function decode(bytes, start, end) {
  let text = '';
  for (let at = start; at < end; at++) {
    if (bytes[at] !== 0xed || bytes[at + 1] < 0xa0) continue;
    const unit = 0xd000 | ((bytes[at + 1] & 0x3f) << 6) | (bytes[at + 2] & 0x3f);
    text += bytes.toString('utf8', start, at) + String.fromCharCode(unit);
    start = at + 3;
  }
  return text + bytes.toString('utf8', start, end);
}

/**
 * Reads short decimals from their bytes; what is longer or has an exponent becomes a string. Writes
 * the number where it belongs, NaN for what is none: a fraction that a function returns may be an
 * object on the heap.
 *
 * @param {Buffer} bytes
 * @param {Float64Array} numbers
 */
export function readNumber(bytes, start, end, numbers, index) {
  const first = bytes[start] === MINUS ? start + 1 : start;
  let digits = 0;
  let point = end;
  let at = first;
  for (; at < end; at++) {
    const digit = bytes[at] - ZERO;
    if (digit >= 0 && digit <= 9) digits = 10 * digits + digit;
    else if (bytes[at] === POINT && point === end) point = at;
    else break;
  }
  const whole = point - first;
  const decimals = Math.max(0, end - point - 1);
  const isPlain = at === end && whole > 0 && (point === end || decimals > 0);
  const isLong = whole + decimals > EXACT_DIGITS || (bytes[first] === ZERO && whole > 1);
  if (at === first) {
    numbers[index] = NaN;
  } else if (!isPlain || isLong) {
    numbers[index] = toNumber(bytes.toString('latin1', start, end));
  } else {
    const value = digits / POWERS_OF_TEN[decimals];
    numbers[index] = first === start ? value : -value;
  }
}

function toNumber(text) {
  return isNumber(text) ? Number(text) : NaN;
}

/**
 * The values of all columns, side by side in one block, and so by few views: a number each, or the
 * address and the length of a text. A column is a run of them.
 *
 * @typedef {{ name: string, isText: boolean, from: number, to: number }} Column
 */
export class Values {
  /**
   * @param {import('../js/index.js').Arena} arena
   * @param {Buffer} bytes the memory
   * @param {number} length
   */
  constructor(arena, bytes, length) {
    this.numbers = arena.float64(length);
    this.spans = arena.view(Uint32Array, this.numbers.byteOffset, 2 * length);
    this.texts = new Texts(arena, bytes);
  }

  /** @param {Column} column */
  summarize({ name, isText, from, to }) {
    if (!isText) return summarizeNumbers(name, this.numbers, from, to);
    const { spans, texts } = this;
    texts.clear();
    for (let i = from; i < to; i++) {
      if (spans[2 * i + 1]) texts.add(spans[2 * i], spans[2 * i + 1]);
    }
    const top = mostFrequent(texts).map((number) => [texts.textOf(number), texts.countOf(number)]);
    return { name, distinct: texts.length, top };
  }
}

/** Of equally frequent ones, the one that came first. */
function mostFrequent(texts) {
  const top = [];
  for (let number = 0; number < texts.length; number++) {
    const count = texts.countOf(number);
    let place = Math.min(top.length, MOST_FREQUENT);
    while (place > 0 && texts.countOf(top[place - 1]) < count) place--;
    if (place === MOST_FREQUENT) continue;
    for (let i = Math.min(top.length, MOST_FREQUENT - 1); i > place; i--) top[i] = top[i - 1];
    top[place] = number;
  }
  return top;
}

/* ---- in plain JavaScript ---- */

/** @param {Buffer} body */
export function toText(body) {
  checkUtf8(body);
  return body.toString().replace(/^\ufeff/, '');
}

/** @param {(string | number)[]} values */
export function summarizeValues(name, values) {
  if (values.length && values.every((value) => typeof value === 'number')) {
    return summarizeNumbers(name, values, 0, values.length);
  }
  const counts = new Map();
  for (const value of values.map(String)) counts.set(value, (counts.get(value) ?? 0) + 1);
  const top = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_FREQUENT);
  return { name, distinct: counts.size, top };
}

/* ---- for both ---- */

/** @param {ArrayLike<number>} numbers those that are NaN don't count */
function summarizeNumbers(name, numbers, from, to) {
  let count = 0;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let i = from; i < to; i++) {
    const number = numbers[i];
    if (Number.isNaN(number)) continue;
    count++;
    sum += number;
    if (number < min) min = number;
    if (number > max) max = number;
  }
  return { name, count, sum, min, max };
}

/** Whether JSON would call it a number. */
export function isNumber(text) {
  return NUMBER.test(text);
}

function checkUtf8(bytes) {
  if (!isUtf8(bytes)) throw new InputError('it is not UTF-8');
}

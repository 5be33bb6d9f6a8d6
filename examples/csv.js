/**
 * A request loop: a CSV text arrives in pieces, is parsed into columns, and is answered with a
 * summary of each column: sum, least and most of numbers, the most frequent values of texts.
 *
 * `arenaRequest` keeps the text and all that it makes of it in an arena of its own, which is freed
 * when the answer is ready. `plainRequest` does the same with strings, arrays and a Map.
 *
 * Both read what RFC 4180 describes: quoted fields may hold commas, line ends and doubled quotes;
 * lines end with \n, \r\n or \r. Empty lines are skipped. A row with more or fewer fields than the
 * header is an error. A column is one of numbers when all its values that are not empty are
 * numbers as JSON writes them, so that a zip code such as 00501 stays a text.
 */

import { Arena, ArenaMemory } from '../js/index.js';

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const MOST_FREQUENT = 3;

/** What is wrong with a text that was to be a CSV. */
export class CsvError extends Error {}

/* ---- in an arena ---- */

const [LF, CR, QUOTE, COMMA, MINUS, POINT, ZERO] = Buffer.from('\n\r",-.0');
const BYTE_ORDER_MARK = Buffer.from('\ufeff');
/** What a list of unknown length begins with, in bytes. */
const ROOM = 65536;
/** Integers and powers of ten up to here are exact, so dividing them rounds as `Number` does. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from({ length: EXACT_DIGITS }, (_, i) => 10 ** i);

/**
 * A memory for so many requests at a time. It never grows, so no view on it ever goes stale, and
 * what no request touches costs no RAM.
 *
 * @param {number} bytes length of the longest body
 * @param {number} requests
 */
export function memoryFor(bytes, requests) {
  const share = 2 ** 20 + 24 * bytes;
  const maximum = Math.min(requests * share, 2 ** 32 - 65536);
  return new ArenaMemory({ reserve: maximum, maximum });
}

/**
 * @param {AsyncIterable<Uint8Array>} body UTF-8, such as an http.IncomingMessage
 * @param {ArenaMemory} memory one for all requests
 * @throws {CsvError}
 */
export async function arenaRequest(body, memory) {
  const arena = new Arena({ memory, label: 'request' });
  try {
    const bytes = await receive(arena, body);
    const fields = new Fields(arena, bytes);
    const columns = fields.header().map((name, i) => toColumn(arena, fields, name, i));
    const summaries = columns.map((column) => summarize(arena, column));
    return { rows: fields.rows, columns: summaries };
  } finally {
    arena.free();
  }
}

/** The body's bytes and a line end. Other requests run between the pieces. */
async function receive(arena, body) {
  let bytes = arena.uint8(ROOM);
  let size = 0;
  for await (const piece of body) {
    while (size + piece.length >= bytes.length) bytes = resize(arena, bytes, 2 * bytes.length);
    bytes.set(piece, size);
    size += piece.length;
  }
  bytes[size] = LF;
  return resize(arena, bytes, size + 1);
}

/**
 * How a list of unknown length grows. The arena's last block stays where it is if the memory behind
 * it is free, and gives back what was too much in the end.
 */
function resize(arena, view, length) {
  const { byteOffset, byteLength, BYTES_PER_ELEMENT } = view;
  const bytes = length * BYTES_PER_ELEMENT;
  const ptr = arena.realloc(byteOffset, byteLength, bytes, BYTES_PER_ELEMENT);
  return arena.view(view.constructor, ptr, length);
}

/** Where the fields of a text are: start and end of each, row by row, the header first. */
class Fields {
  /**
   * @param {Arena} arena
   * @param {Uint8Array} bytes ends with a line end; quoted fields are unquoted in place
   */
  constructor(arena, bytes) {
    this.arena = arena;
    this.bytes = bytes;
    this.bounds = arena.uint32(ROOM / 4);
    this.length = 0;
    this.rows = 0;
    this.columns = 0;
    this.split();
    this.bounds = resize(arena, this.bounds, this.length);
  }

  split() {
    const { bytes } = this;
    let at = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte) ? BYTE_ORDER_MARK.length : 0;
    let records = 0;
    for (; at < bytes.length; at++) {
      if (isLineEnd(bytes[at])) continue;
      const before = this.length;
      at = this.splitRecord(at, ++records);
      this.columns ||= this.length / 2;
      checkWidth(records, (this.length - before) / 2, this.columns);
    }
    checkRecords(records);
    this.rows = records - 1;
  }

  /** @returns the index of the record's line end */
  splitRecord(at, record) {
    const { bytes } = this;
    for (; ; at++) {
      if (this.length === this.bounds.length) {
        this.bounds = resize(this.arena, this.bounds, 2 * this.length);
      }
      at = bytes[at] === QUOTE ? this.splitQuoted(at + 1, record) : this.splitUnquoted(at);
      if (bytes[at] !== COMMA) return at;
    }
  }

  splitUnquoted(at) {
    const { bytes } = this;
    this.bounds[this.length++] = at;
    /* Most bytes are above the comma: one comparison settles those. */
    while (bytes[at] > COMMA || (bytes[at] !== COMMA && !isLineEnd(bytes[at]))) at++;
    this.bounds[this.length++] = at;
    return at;
  }

  /** A doubled quote loses one of the two, and what follows moves up. */
  splitQuoted(at, record) {
    const { bytes } = this;
    let end = at;
    this.bounds[this.length++] = at;
    for (; at < bytes.length; at++) {
      if (bytes[at] === QUOTE && bytes[++at] !== QUOTE) break;
      bytes[end++] = bytes[at];
    }
    this.bounds[this.length++] = end;
    if (bytes[at] === COMMA || isLineEnd(bytes[at])) return at;
    throw badQuotes(record);
  }

  header() {
    const { arena, bytes, bounds, columns } = this;
    return Array.from({ length: columns }, (_, i) =>
      decode(arena, bytes, bounds[2 * i], bounds[2 * i + 1]),
    );
  }
}

function isLineEnd(byte) {
  return byte === LF || byte === CR;
}

function decode(arena, bytes, start, end) {
  return arena.text(arena.view(Uint8Array, bytes.byteOffset + start, end - start));
}

/** A column of numbers if it can be one, else of texts. */
function toColumn(arena, fields, name, index) {
  const mark = arena.mark();
  const numbers = toNumbers(arena, fields, index);
  if (numbers) return { name, numbers };
  /* The texts take the place of the numbers that it hasn't. */
  arena.release(mark);
  return { name, bytes: fields.bytes, ...toTexts(arena, fields, index) };
}

/** NaN where a field is empty; undefined if one is no number, or all are empty. */
function toNumbers(arena, fields, index) {
  const { bounds, rows, columns } = fields;
  const numbers = arena.float64(rows);
  let isAny = false;
  for (let row = 0; row < rows; row++) {
    const at = 2 * (columns * (row + 1) + index);
    readNumber(fields, at, numbers, row);
    if (!Number.isNaN(numbers[row])) isAny = true;
    else if (bounds[at] < bounds[at + 1]) return undefined;
  }
  return isAny ? numbers : undefined;
}

/**
 * Reads short decimals from their bytes; what is longer or has an exponent becomes a string. Writes
 * the number where it belongs: a fraction that a function returns may be an object on the heap.
 */
function readNumber({ arena, bytes, bounds }, field, numbers, row) {
  const start = bounds[field];
  const end = bounds[field + 1];
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
    numbers[row] = NaN;
  } else if (!isPlain || isLong) {
    numbers[row] = parseNumber(decode(arena, bytes, start, end));
  } else {
    const value = digits / POWERS_OF_TEN[decimals];
    numbers[row] = first === start ? value : -value;
  }
}

/** Of each text its offset in the bytes, and its length. */
function toTexts(arena, { bounds, rows, columns }, index) {
  const offsets = arena.uint32(rows);
  const lengths = arena.uint32(rows);
  for (let row = 0; row < rows; row++) {
    const at = 2 * (columns * (row + 1) + index);
    offsets[row] = bounds[at];
    lengths[row] = bounds[at + 1] - bounds[at];
  }
  return { offsets, lengths };
}

function summarize(arena, column) {
  if (column.numbers) return summarizeNumbers(column.name, column.numbers);
  /* What counting needs is free again for the next column. */
  return arena.scope(() => {
    const { firsts, counts, distinct } = countTexts(arena, column);
    const top = mostFrequent(counts, distinct).map((value) => {
      const start = column.offsets[firsts[value]];
      const end = start + column.lengths[firsts[value]];
      return [decode(arena, column.bytes, start, end), counts[value]];
    });
    return { name: column.name, distinct, top };
  });
}

/**
 * Counts with a hash table. Distinct texts have numbers from 1 on, which is what its slots hold;
 * `firsts` has the row in which each came first.
 */
function countTexts(arena, column) {
  const { lengths } = column;
  const slots = arena.uint32(2 ** Math.ceil(Math.log2(2 * lengths.length))).fill(0);
  const firsts = arena.uint32(lengths.length + 1);
  const counts = arena.uint32(lengths.length + 1);
  /* Nothing in a fresh block is 0 yet; nobody has the number 0, which so is the least frequent. */
  let distinct = 0;
  counts[0] = 0;
  for (let row = 0; row < lengths.length; row++) {
    if (lengths[row] === 0) continue;
    let slot = hash(column, row) & (slots.length - 1);
    while (slots[slot] && !isSame(column, row, firsts[slots[slot]])) {
      slot = (slot + 1) & (slots.length - 1);
    }
    if (!slots[slot]) {
      slots[slot] = ++distinct;
      firsts[distinct] = row;
      counts[distinct] = 0;
    }
    counts[slots[slot]]++;
  }
  return { firsts, counts, distinct };
}

function hash({ bytes, offsets, lengths }, row) {
  const end = offsets[row] + lengths[row];
  let sum = 0x811c9dc5;
  for (let at = offsets[row]; at < end; at++) sum = Math.imul(sum ^ bytes[at], 0x01000193);
  return sum ^ (sum >>> 15);
}

function isSame({ bytes, offsets, lengths }, a, b) {
  const length = lengths[a];
  if (lengths[b] !== length) return false;
  const atA = offsets[a];
  const atB = offsets[b];
  let i = 0;
  while (i < length && bytes[atA + i] === bytes[atB + i]) i++;
  return i === length;
}

/** Of equally frequent ones, the one that came first. */
function mostFrequent(counts, distinct) {
  const top = new Array(MOST_FREQUENT).fill(0);
  for (let value = 1; value <= distinct; value++) {
    let place = MOST_FREQUENT;
    while (place > 0 && counts[top[place - 1]] < counts[value]) place--;
    if (place === MOST_FREQUENT) continue;
    top.splice(place, 0, value);
    top.pop();
  }
  return top.filter((value) => value > 0);
}

/* ---- in plain JavaScript ---- */

/** A field, quoted or not, and what follows it. */
const FIELD = /(?:"([^"]*(?:""[^"]*)*)"|((?!")[^,\r\n]*))(,|[\r\n]+|$)/y;

/**
 * @param {AsyncIterable<Uint8Array>} body
 * @throws {CsvError}
 */
export async function plainRequest(body) {
  const pieces = [];
  for await (const piece of body) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  const [header, ...rows] = toRows(text.replace(/^\ufeff?[\r\n]*/, ''));
  const valuesOf = (i) => rows.map((row) => row[i]);
  const columns = header.map((name, i) => summarizeValues(name, valuesOf(i)));
  return { rows: rows.length, columns };
}

function toRows(text) {
  const rows = text.includes('"') ? toQuotedRows(text) : toPlainRows(text);
  checkRecords(rows.length);
  return rows;
}

function toPlainRows(text) {
  const lines = text.split(text.includes('\r') ? /[\r\n]+/ : '\n');
  const rows = lines.filter((line) => line !== '').map((line) => line.split(','));
  rows.forEach((row, i) => checkWidth(i + 1, row.length, rows[0].length));
  return rows;
}

function toQuotedRows(text) {
  const rows = [];
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < text.length) {
    const row = [];
    rows.push(row);
    for (let delimiter = ','; delimiter === ',';) {
      const match = FIELD.exec(text);
      if (!match) throw badQuotes(rows.length);
      row.push(match[1]?.replaceAll('""', '"') ?? match[2]);
      delimiter = match[3];
    }
    checkWidth(rows.length, row.length, rows[0].length);
  }
  return rows;
}

function summarizeValues(name, values) {
  const filled = values.filter((value) => value !== '');
  if (filled.length && filled.every((value) => NUMBER.test(value))) {
    return summarizeNumbers(name, filled.map(Number));
  }
  const counts = new Map();
  for (const value of filled) counts.set(value, (counts.get(value) ?? 0) + 1);
  const top = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_FREQUENT);
  return { name, distinct: counts.size, top };
}

/* ---- for both ---- */

/** @param {ArrayLike<number>} numbers those that are NaN don't count */
function summarizeNumbers(name, numbers) {
  let count = 0;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i];
    if (Number.isNaN(number)) continue;
    count++;
    sum += number;
    if (number < min) min = number;
    if (number > max) max = number;
  }
  return { name, count, sum, min, max };
}

/** NaN for what JSON would not call a number. */
function parseNumber(text) {
  return NUMBER.test(text) ? Number(text) : NaN;
}

function checkWidth(record, width, columns) {
  if (width === columns) return;
  throw new CsvError(`row ${record} has ${width} fields, but the header has ${columns}`);
}

function checkRecords(records) {
  if (records > 1) return;
  throw new CsvError(records ? 'there is no row below the header' : 'it is empty');
}

function badQuotes(record) {
  return new CsvError(`row ${record} has a quoted field that does not end with a quote`);
}

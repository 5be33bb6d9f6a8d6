/**
 * Newline-delimited JSON, an object a line, read into columns and summarized: in an arena, and in
 * plain JavaScript. Empty lines are skipped.
 *
 * A name that any row has is a column; columns are ordered by name. What a row hasn't, null and ''
 * are empty. Where a column has other values than numbers, each value counts as a text: lists and
 * objects as JSON.stringify writes them.
 */

import { decode, InputError, readNumber, summarizeValues, Texts, Values } from './columns.js';

/* ---- in an arena ---- */

const [LF, CR, TAB, SPACE, QUOTE, BACKSLASH, MINUS] = Buffer.from('\n\r\t "\\-');
const [COLON, COMMA, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, U] = Buffer.from(':,{}[]u');
const [ZERO, NINE, POINT, PLUS, E, e] = Buffer.from('09.+Ee');
const LITERALS = ['true', 'false', 'null'].map((literal) => Buffer.from(literal));
const NULL = LITERALS[2];
/** What a backslash and this byte stand for; 0 for what JSON hasn't. */
const ESCAPED = new Uint8Array(256);
Buffer.from('"\\/bfnrt').forEach((byte, i) => (ESCAPED[byte] = Buffer.from('"\\/\b\f\n\r\t')[i]));

/**
 * A cell is four words: its column and its kind, then the number as a double, or the text's address
 * and length. What the list begins with, in cells.
 */
const ROOM = 256;
const [EMPTY, NUMBER, TEXT] = [0, 1, 2];

/**
 * @param {import('../js/index.js').Arena} arena
 * @param {Uint8Array} text in the arena, with a line end; its escapes are resolved in place
 * @throws {InputError}
 */
export function ndjsonInArena(arena, text) {
  const reader = new Reader(arena, text);
  const values = new Values(arena, reader.bytes, reader.length);
  const summaries = reader.columns(values).map((column) => values.summarize(column));
  return { rows: reader.rows, columns: summaries };
}

class Reader {
  constructor(arena, text) {
    this.arena = arena;
    this.bytes = Buffer.from(arena.memory.buffer);
    this.names = new Texts(arena, this.bytes);
    /* Of each column: in which row it had its last value, and which cell that is. */
    this.lastRows = [];
    this.lastCells = [];
    this.length = 0;
    this.rows = 0;
    this.line = 1;
    this.start = 0;
    this.end = 0;
    this.useCells(arena.uint32(4 * ROOM, 8));
    this.read(text.byteOffset, text.byteOffset + text.length);
    this.useCells(resizeCells(arena, this.cells, 4 * this.length));
  }

  useCells(cells) {
    this.cells = cells;
    this.numbers = new Float64Array(cells.buffer, cells.byteOffset, cells.length / 2);
  }

  read(at, end) {
    for (; at < end; at++, this.line++) {
      at = this.skip(at);
      if (this.bytes[at] === LF) continue;
      at = this.readRow(at);
      this.rows++;
    }
    checkRows(this.rows);
  }

  /** @returns where the row's line ends */
  readRow(at) {
    const { bytes } = this;
    at = this.skip(this.expect(at, OPEN));
    if (bytes[at] === CLOSE) at++;
    else at = this.readMembers(at);
    at = this.skip(at);
    if (bytes[at] !== LF) throw this.malformed();
    return at;
  }

  readMembers(at) {
    const { bytes } = this;
    let column = -1;
    for (;;) {
      at = this.readString(this.expect(at, QUOTE));
      column = this.columnOf(column + 1);
      at = this.skip(this.expect(this.skip(at), COLON));
      at = this.skip(this.readValue(at, this.cellOf(column)));
      if (bytes[at] === CLOSE) return at + 1;
      at = this.skip(this.expect(at, COMMA));
    }
  }

  /** @param {number} guess rows mostly have the same names in the same order */
  columnOf(guess) {
    const { names, start, end } = this;
    if (guess < names.length && names.is(guess, start, end - start)) return guess;
    const column = names.add(start, end - start);
    if (column === this.lastRows.length) {
      this.lastRows.push(-1);
      this.lastCells.push(0);
    }
    return column;
  }

  /** The cell of a column in this row: a new one, unless the row has that name twice. */
  cellOf(column) {
    if (this.lastRows[column] === this.rows) return this.lastCells[column];
    if (4 * this.length === this.cells.length) {
      this.useCells(resizeCells(this.arena, this.cells, 2 * this.cells.length));
    }
    this.lastRows[column] = this.rows;
    this.lastCells[column] = this.length;
    this.cells[4 * this.length] = column;
    return this.length++;
  }

  readValue(at, cell) {
    const byte = this.bytes[at];
    let kind = TEXT;
    if (byte === QUOTE) {
      at = this.readString(at + 1);
    } else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) {
      this.cells[4 * cell + 1] = NUMBER;
      return this.readNumber(at, cell);
    } else if (byte === OPEN || byte === OPEN_LIST) {
      at = this.readNested(at);
    } else {
      if (byte === NULL[0]) kind = EMPTY;
      at = this.readLiteral(at);
    }
    const length = this.end - this.start;
    this.cells[4 * cell + 1] = length ? kind : EMPTY;
    this.cells[4 * cell + 2] = this.start;
    this.cells[4 * cell + 3] = length;
    return at;
  }

  readNumber(start, cell) {
    const { bytes, numbers } = this;
    let at = start + 1;
    while (isOfNumber(bytes[at])) at++;
    readNumber(bytes, start, at, numbers, 2 * cell + 1);
    if (Number.isNaN(numbers[2 * cell + 1])) throw this.malformed();
    return at;
  }

  readLiteral(at) {
    const { bytes } = this;
    const literal = LITERALS.find((literal) => literal.every((byte, i) => byte === bytes[at + i]));
    if (!literal) throw this.malformed();
    this.start = at;
    this.end = at + literal.length;
    return this.end;
  }

  /** @param {number} at behind the quote. Leaves `start` and `end` of the text. */
  readString(at) {
    const { bytes } = this;
    this.start = at;
    while (bytes[at] !== QUOTE && bytes[at] !== BACKSLASH && bytes[at] >= SPACE) at++;
    if (bytes[at] === BACKSLASH) return this.unescape(at);
    this.end = at;
    return this.expect(at, QUOTE);
  }

  /** What an escape stands for is never longer than the escape. */
  unescape(at) {
    const { bytes } = this;
    let to = at;
    while (bytes[at] !== QUOTE) {
      let byte = bytes[at++];
      if (byte < SPACE) throw this.malformed();
      if (byte === BACKSLASH && bytes[at] === U) {
        to = this.putUnit(to, this.readUnit(at + 1));
        at += 5;
        continue;
      }
      if (byte === BACKSLASH) byte = ESCAPED[bytes[at++]];
      if (!byte) throw this.malformed();
      bytes[to++] = byte;
    }
    this.end = to;
    return at + 1;
  }

  /** Four hexadecimal digits. */
  readUnit(at) {
    const digits = this.bytes.toString('latin1', at, at + 4);
    if (!/^[0-9a-f]{4}$/i.test(digits)) throw this.malformed();
    return parseInt(digits, 16);
  }

  /** A unit of UTF-16 as UTF-8: the second half of a pair together with the first one before it. */
  putUnit(to, unit) {
    const { bytes, start } = this;
    const isSecond = unit >= 0xdc00 && unit < 0xe000;
    if (isSecond && to - start >= 3 && bytes[to - 3] === 0xed && bytes[to - 2] >= 0xa0) {
      const first = 0xd000 | ((bytes[to - 2] & 0x3f) << 6) | (bytes[to - 1] & 0x3f);
      if (first < 0xdc00) {
        return to - 3 + bytes.write(String.fromCharCode(first, unit), to - 3);
      }
    }
    if (unit >= 0x800) {
      bytes[to++] = 0xe0 | (unit >> 12);
      bytes[to++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[to++] = 0x80 | (unit & 0x3f);
    } else if (unit >= 0x80) {
      bytes[to++] = 0xc0 | (unit >> 6);
      bytes[to++] = 0x80 | (unit & 0x3f);
    } else {
      bytes[to++] = unit;
    }
    return to;
  }

  /** An object or a list, as JSON.stringify writes it. */
  readNested(start) {
    const end = this.endOfNested(start);
    let text;
    try {
      text = JSON.stringify(JSON.parse(decode(this.bytes, start, end)));
    } catch (error) {
      throw this.malformed(error);
    }
    const length = Buffer.byteLength(text);
    this.start = length > end - start ? this.arena.alloc(length, 1) : start;
    this.end = this.start + length;
    this.bytes.write(text, this.start);
    return end;
  }

  endOfNested(at) {
    const { bytes } = this;
    for (let depth = 0; bytes[at] !== LF; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) at = this.endOfString(at + 1);
      else if (byte === OPEN || byte === OPEN_LIST) depth++;
      else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return at + 1;
    }
    throw this.malformed();
  }

  endOfString(at) {
    const { bytes } = this;
    for (; bytes[at] !== QUOTE; at++) {
      if (bytes[at] === BACKSLASH) at++;
      if (bytes[at] === LF) throw this.malformed();
    }
    return at;
  }

  skip(at) {
    const { bytes } = this;
    while (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === CR) at++;
    return at;
  }

  expect(at, byte) {
    if (this.bytes[at] !== byte) throw this.malformed();
    return at + 1;
  }

  malformed(cause) {
    return malformed(this.line, cause);
  }

  /** Moves the values of each column together, in the order of their rows. */
  columns(values) {
    const columns = this.kindsOfColumns();
    const { cells, length } = this;
    for (let cell = 0; cell < length; cell++) {
      const kind = cells[4 * cell + 1];
      if (kind === EMPTY) continue;
      const column = columns[cells[4 * cell]];
      if (!column.isText) values.numbers[column.to++] = this.numbers[2 * cell + 1];
      else this.moveText(cell, kind, values.spans, column.to++);
    }
    return columns.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The columns, still empty: each has its place, and is one of texts unless it has but numbers. */
  kindsOfColumns() {
    const { names, cells, length } = this;
    const counts = new Array(3 * names.length).fill(0);
    for (let cell = 0; cell < length; cell++) counts[3 * cells[4 * cell] + cells[4 * cell + 1]]++;
    let from = 0;
    return Array.from({ length: names.length }, (_, i) => {
      const [numbers, texts] = [counts[3 * i + NUMBER], counts[3 * i + TEXT]];
      const isText = texts > 0 || numbers === 0;
      const column = { name: names.textOf(i), isText, from, to: from };
      from += numbers + texts;
      return column;
    });
  }

  moveText(cell, kind, spans, to) {
    const { arena, bytes, cells, numbers } = this;
    if (kind === NUMBER) {
      const text = String(numbers[2 * cell + 1]);
      spans[2 * to] = arena.alloc(text.length, 1);
      spans[2 * to + 1] = bytes.write(text, spans[2 * to]);
    } else {
      spans[2 * to] = cells[4 * cell + 2];
      spans[2 * to + 1] = cells[4 * cell + 3];
    }
  }
}

/** As columns.js resizes its lists, but aligned for the doubles among the words. */
function resizeCells(arena, cells, length) {
  const ptr = arena.realloc(cells.byteOffset, cells.byteLength, 4 * length, 8);
  return arena.view(Uint32Array, ptr, length);
}

function isOfNumber(byte) {
  return (
    (byte >= ZERO && byte <= NINE) ||
    byte === POINT ||
    byte === E ||
    byte === e ||
    byte === PLUS ||
    byte === MINUS
  );
}

/* ---- in plain JavaScript ---- */

/**
 * @param {string} text
 * @throws {InputError}
 */
export function ndjsonInPlain(text) {
  const values = new Map();
  let rows = 0;
  for (const [i, line] of text.split('\n').entries()) {
    if (/^[ \t\r]*$/.test(line)) continue;
    rows++;
    for (const [name, value] of readRow(line, i + 1)) {
      if (!values.has(name)) values.set(name, []);
      if (value !== null && value !== '') values.get(name).push(value);
    }
  }
  checkRows(rows);
  const columns = [...values.keys()].sort().map((name) => summarizeValues(name, values.get(name)));
  return { rows, columns };
}

function readRow(line, number) {
  try {
    const row = JSON.parse(line);
    if (Object(row) !== row || Array.isArray(row)) throw new TypeError('no object');
    return Object.entries(row).map(([name, value]) => [name, toValue(value)]);
  } catch (error) {
    throw malformed(number, error);
  }
}

/** A number, a string or null. */
function toValue(value) {
  const isSimple = value === null || typeof value === 'string' || typeof value === 'number';
  return isSimple ? value : JSON.stringify(value);
}

/* ---- for both ---- */

function checkRows(rows) {
  if (rows === 0) throw new InputError('it is empty');
}

function malformed(line, cause) {
  return new InputError(`line ${line} is not a JSON object`, { cause });
}

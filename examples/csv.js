/**
 * A CSV text, read into columns and summarized: in an arena, and in plain JavaScript.
 *
 * Both read what RFC 4180 describes: quoted fields may hold commas, line ends and doubled quotes;
 * lines end with \n, \r\n or \r. Empty lines are skipped. A row with more or fewer fields than the
 * header is an error.
 */

import {
  decode,
  InputError,
  isNumber,
  readNumber,
  resize,
  summarizeValues,
  Values,
} from './columns.js';

/* ---- in an arena ---- */

const [LF, CR, QUOTE, COMMA] = Buffer.from('\n\r",');
/** What the list of fields begins with, in fields. */
const ROOM = 256;

/**
 * @param {import('../js/index.js').Arena} arena
 * @param {Uint8Array} text in the arena, with a line end; its quoted fields are unquoted in place
 * @throws {InputError}
 */
export function csvInArena(arena, text) {
  const fields = new Fields(arena, text);
  const { bytes, rows, columns } = fields;
  const values = new Values(arena, bytes, rows * columns);
  const summaries = fields
    .header()
    .map((name, i) => values.summarize(fields.column(name, i, values)));
  return { rows, columns: summaries };
}

/** Where the fields of a text are: start and end of each, row by row, the header first. */
class Fields {
  constructor(arena, text) {
    this.arena = arena;
    this.bytes = Buffer.from(arena.memory.buffer);
    this.bounds = arena.uint32(2 * ROOM);
    this.length = 0;
    this.rows = 0;
    this.columns = 0;
    this.split(text.byteOffset, text.byteOffset + text.length);
    this.bounds = resize(arena, this.bounds, this.length);
  }

  split(at, end) {
    const { bytes } = this;
    let records = 0;
    for (; at < end; at++) {
      if (isLineEnd(bytes[at])) continue;
      const before = this.length;
      at = this.splitRecord(at, end, ++records);
      this.columns ||= this.length / 2;
      checkWidth(records, (this.length - before) / 2, this.columns);
    }
    checkRecords(records);
    this.rows = records - 1;
  }

  /** @returns the index of the record's line end */
  splitRecord(at, end, record) {
    const { bytes } = this;
    for (; ; at++) {
      if (this.length === this.bounds.length) {
        this.bounds = resize(this.arena, this.bounds, 2 * this.length);
      }
      at = bytes[at] === QUOTE ? this.splitQuoted(at + 1, end, record) : this.splitUnquoted(at);
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
  splitQuoted(at, end, record) {
    const { bytes } = this;
    let to = at;
    this.bounds[this.length++] = at;
    for (; at < end; at++) {
      if (bytes[at] === QUOTE && bytes[++at] !== QUOTE) break;
      bytes[to++] = bytes[at];
    }
    this.bounds[this.length++] = to;
    if (at < end && (bytes[at] === COMMA || isLineEnd(bytes[at]))) return at;
    throw badQuotes(record);
  }

  header() {
    const { bytes, bounds, columns } = this;
    return Array.from({ length: columns }, (_, i) =>
      decode(bytes, bounds[2 * i], bounds[2 * i + 1]),
    );
  }

  /** A column of numbers if it can be one, else of texts. */
  column(name, index, values) {
    const from = index * this.rows;
    const isText = !this.toNumbers(index, values.numbers, from);
    if (isText) this.toTexts(index, values.spans, from);
    return { name, isText, from, to: from + this.rows };
  }

  /** NaN where a field is empty. Whether all others are numbers, and there are some. */
  toNumbers(index, numbers, from) {
    const { bytes, bounds, rows, columns } = this;
    let isAny = false;
    for (let row = 0; row < rows; row++) {
      const at = 2 * (columns * (row + 1) + index);
      readNumber(bytes, bounds[at], bounds[at + 1], numbers, from + row);
      if (!Number.isNaN(numbers[from + row])) isAny = true;
      else if (bounds[at] < bounds[at + 1]) return false;
    }
    return isAny;
  }

  toTexts(index, spans, from) {
    const { bounds, rows, columns } = this;
    for (let row = 0; row < rows; row++) {
      const at = 2 * (columns * (row + 1) + index);
      spans[2 * (from + row)] = bounds[at];
      spans[2 * (from + row) + 1] = bounds[at + 1] - bounds[at];
    }
  }
}

function isLineEnd(byte) {
  return byte === LF || byte === CR;
}

/* ---- in plain JavaScript ---- */

/** A field, quoted or not, and what follows it. */
const FIELD = /(?:"([^"]*(?:""[^"]*)*)"|((?!")[^,\r\n]*))(,|[\r\n]+|$)/y;

/**
 * @param {string} text
 * @throws {InputError}
 */
export function csvInPlain(text) {
  const [header, ...rows] = toRows(text.replace(/^[\r\n]+/, ''));
  const columns = header.map((name, i) => {
    const values = rows.map((row) => row[i]).filter((value) => value !== '');
    return summarizeValues(name, values.every(isNumber) ? values.map(Number) : values);
  });
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

/* ---- for both ---- */

function checkWidth(record, width, columns) {
  if (width === columns) return;
  throw new InputError(`row ${record} has ${width} fields, but the header has ${columns}`);
}

function checkRecords(records) {
  if (records > 1) return;
  throw new InputError(records ? 'there is no row below the header' : 'it is empty');
}

function badQuotes(record) {
  return new InputError(`row ${record} has a quoted field that does not end with a quote`);
}

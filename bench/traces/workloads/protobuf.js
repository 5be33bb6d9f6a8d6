/**
 * A decoder of messages as Protocol Buffers encode them: varints, fixed numbers, bytes, packed
 * numbers and messages in messages. A decoded message is a block of fields, its texts are bytes, its
 * packed numbers typed arrays; each message's arena is reset when it was handled.
 */
import { Arena, ArenaMemory } from '../../../js/index.js';
import { generator } from '../../random.js';

const MESSAGES = 60;

/* An order: 1 id, 2 customer, 3 lines; a line: 1 product, 2 amount, 3 price, 4 history of prices;
   a customer: 1 name, 2 street, 3 city. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

/** What a field's bytes are, by message and number. */
const ORDER = { size: 40, fields: { 1: 'number', 2: 'customer', 3: 'line' } };
const CUSTOMER = { size: 24, fields: { 1: 'text', 2: 'text', 3: 'text' } };
const LINE = { size: 40, fields: { 1: 'text', 2: 'number', 3: 'number', 4: 'packed' } };
const MESSAGE_TYPES = { customer: CUSTOMER, line: LINE };

export function run() {
  const arena = new Arena({ memory: new ArenaMemory({ reserve: 2 ** 24 }) });
  const random = generator(1);
  for (let i = 0; i < MESSAGES; i++) {
    const bytes = Uint8Array.from(order(random));
    decodeMessage(arena, bytes, 0, bytes.length, ORDER);
    arena.reset();
  }
}

/* ---- decoding ---- */

/** @returns {number} the block of its fields, a number of 8 bytes each */
function decodeMessage(arena, bytes, start, end, type) {
  const message = arena.alloc(type.size, 8);
  const reader = { bytes, at: start };
  while (reader.at < end) {
    const tag = readVarint(reader);
    const value = readField(arena, reader, tag & 7, type.fields[tag >>> 3]);
    arena.memory.f64[message / 8 + (tag >>> 3) - 1] = value;
  }
  return message;
}

/** @returns a number, or the offset of the block that the field became */
function readField(arena, reader, wireType, meaning) {
  if (wireType === VARINT) return readVarint(reader);
  const size = wireType === FIXED64 ? 8 : readVarint(reader);
  const start = reader.at;
  reader.at += size;
  const view = new DataView(reader.bytes.buffer, start, size);
  if (meaning === 'number') return view.getFloat64(0, true);
  if (meaning === 'packed') {
    const numbers = arena.float64(size / 8);
    for (let i = 0; i < numbers.length; i++) numbers[i] = view.getFloat64(8 * i, true);
    return numbers.byteOffset;
  }
  if (meaning === 'text') {
    const text = arena.uint8(size);
    text.set(reader.bytes.subarray(start, reader.at));
    return text.byteOffset;
  }
  return decodeMessage(arena, reader.bytes, start, reader.at, MESSAGE_TYPES[meaning]);
}

function readVarint(reader) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = reader.bytes[reader.at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}

/* ---- what is decoded ---- */

function order(random) {
  const lines = Array.from({ length: 1 + Math.floor(random() ** 2 * 30) }, () => line(random));
  return [
    ...field(1, VARINT, varint(Math.floor(random() * 2 ** 31))),
    ...sized(2, customer(random)),
    ...lines.flatMap((bytes) => sized(3, bytes)),
  ];
}

function customer(random) {
  return [
    ...sized(1, text(random, 8, 30)),
    ...sized(2, text(random, 10, 40)),
    ...sized(3, text(random, 4, 20)),
  ];
}

function line(random) {
  const prices = Array.from({ length: Math.floor(random() * 12) }, () => double(random() * 100));
  return [
    ...sized(1, text(random, 5, 60)),
    ...field(2, VARINT, varint(1 + Math.floor(random() * 10))),
    ...field(3, FIXED64, double(random() * 100)),
    ...sized(4, prices.flat()),
  ];
}

function text(random, least, most) {
  const length = least + Math.floor(random() * (most - least));
  return Array.from({ length }, () => 97 + Math.floor(random() * 26));
}

const field = (number, wireType, bytes) => [...varint((number << 3) | wireType), ...bytes];
const sized = (number, bytes) => field(number, BYTES, [...varint(bytes.length), ...bytes]);
const double = (value) => [...new Uint8Array(Float64Array.of(value).buffer)];

function varint(value) {
  const bytes = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}

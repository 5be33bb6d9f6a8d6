import { Arena } from '../../js/index.js';
import { bytesOf, KINDS } from '../contenders/contender.js';
import { ALLOC, Encoder, END, MARK, REALLOC, RELEASE } from './format.js';

/** Runs the workload while the methods of all arenas tell what is asked of them. */
export async function record(run) {
  const originals = Object.getOwnPropertyDescriptors(Arena.prototype);
  const recorder = new Recorder();
  for (const name of Object.keys(originals)) {
    const { value } = originals[name];
    if (typeof value !== 'function' || name === 'constructor' || name.startsWith('_')) continue;
    Arena.prototype[name] = function (...args) {
      return recorder.call(this, name, value, args);
    };
  }
  try {
    await run();
  } finally {
    Object.defineProperties(Arena.prototype, originals);
  }
  return recorder.encoder;
}

/** One arena at a time: its blocks and its open marks, oldest first. */
class Recorder {
  constructor() {
    this.encoder = new Encoder();
    this.arena = undefined;
    this.live = [];
    this.marks = [];
    this.isInside = false;
  }

  /** What a method calls inside is not what the program asked for, but for what a scope runs. */
  call(arena, name, method, args) {
    if (this.isInside) return method.apply(arena, args);
    if (name === 'scope') return this.scope(arena, args[0]);
    this.isInside = true;
    try {
      const result = method.apply(arena, args);
      this.note(arena, name, args, result);
      return result;
    } finally {
      this.isInside = false;
    }
  }

  scope(arena, fn) {
    const mark = arena.mark();
    try {
      return fn(arena, mark);
    } finally {
      arena.release(mark);
    }
  }

  note(arena, name, args, result) {
    if (['view', 'text'].includes(name)) return;
    if (this.arena && this.arena !== arena) throw new Error('two arenas at a time');
    this.arena = arena;
    const kind = KINDS.indexOf(name);
    if (kind === 0) this.block(kind, args[0], result, args[1] ?? 8);
    else if (kind > 0 && args.length === 1) this.block(kind, args[0], result.byteOffset);
    else if (name === 'realloc') this.realloc(args, result);
    else if (name === 'mark') this.mark(result);
    else if (name === 'release') this.release(args[0]);
    else if (name === 'reset' || name === 'free') this.end();
    else throw new Error(`a trace has no ${name}`);
  }

  block(kind, length, offset, ...align) {
    this.live.push({ kind, offset });
    this.encoder.add(ALLOC + kind, length, ...align);
  }

  realloc([ptr, , newSize], result) {
    const at = this.live.findLastIndex(({ offset }) => offset === ptr);
    const block = this.live[at];
    block.offset = result;
    this.encoder.add(REALLOC, this.live.length - 1 - at, newSize / bytesOf(block.kind));
  }

  mark(mark) {
    this.marks.push({ mark, since: this.live.length });
    this.encoder.add(MARK);
  }

  release(mark) {
    const at = this.marks.findLastIndex((open) => open.mark === mark);
    this.encoder.add(RELEASE, this.marks.length - 1 - at);
    this.live.length = this.marks[at].since;
    this.marks.length = at;
  }

  end() {
    this.encoder.add(END);
    this.arena = undefined;
    this.live = [];
    this.marks = [];
  }
}

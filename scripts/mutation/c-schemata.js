/**
 * All mutants of the C core in one program, which is compiled once: each function begins with a jump to
 * the mutant of it that the variable MUTATION names in the environment, a copy with the edit in it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @import { Mutant } from './c-mutants.js' */

/** Force-included into every file. */
const HEADER = 'extern int mutation;\n';

/** The library's further source. */
export const SELECTOR = 'mutation.c';

const SELECTOR_TEXT = `#include <stdlib.h>

int mutation;

__attribute__((constructor)) static void select_mutant(void) {
  const char *text = getenv("MUTATION");
  mutation = text ? atoi(text) : 0;
}
`;

/**
 * Writes the files of `folder` anew, with the mutants in them.
 *
 * @param {string} folder a copy of src/
 * @param {Mutant[]} mutants those of functions; their index plus 1 is what MUTATION selects them by
 * @param {(header: string) => string[]} flags of the compiler, with this file included by force
 * @param {string[]} sources the C files that include all others
 * @returns {Set<Mutant>} those that do not compile
 */
export function writeSchemata(folder, mutants, flags, sources) {
  const header = join(folder, 'mutation.h');
  writeFileSync(header, HEADER);
  writeFileSync(join(folder, SELECTOR), SELECTOR_TEXT);
  const files = [...new Set(mutants.map(({ file }) => file))];
  const texts = new Map(files.map((file) => [file, readFileSync(join(folder, file), 'latin1')]));
  const numbers = new Map(mutants.map((mutant, index) => [mutant, index + 1]));
  /** @type {Set<Mutant>} */
  const invalid = new Set();
  for (;;) {
    /** @type {Map<string, Mutant>} the mutant that stands in `file:line` */
    const lines = new Map();
    for (const [file, text] of texts) {
      const valid = mutants.filter((mutant) => mutant.file === file && !invalid.has(mutant));
      const written = schemataOf(text, valid, numbers);
      writeFileSync(join(folder, file), written.text, 'latin1');
      written.lines.forEach((mutant, line) => mutant && lines.set(`${file}:${line}`, mutant));
    }
    const errors = sources.flatMap((source) => errorsOf(folder, source, flags(header)));
    if (!errors.length) return invalid;
    for (const place of errors) {
      const mutant = lines.get(place);
      if (!mutant) throw new Error(`${place} does not compile, and is no mutant`);
      invalid.add(mutant);
    }
  }
}

/** The file's text with its mutants in it, and the mutant that each line, from 1 on, belongs to. */
function schemataOf(text, mutants, numbers) {
  const bodies = [...new Set(mutants.map(({ body }) => body))].sort((a, b) => a.start - b.start);
  /** @type {(Mutant | undefined)[]} */
  const lines = [undefined];
  const pieces = [];
  const add = (piece, mutant) => {
    pieces.push(piece);
    for (let line = piece.split('\n').length - 1; line > 0; line--) lines.push(mutant);
  };
  let at = 0;
  for (const body of bodies) {
    const before = text.lastIndexOf('\n\n', body.start) + 2;
    const own = mutants.filter((mutant) => mutant.body === body);
    add(text.slice(at, before));
    for (const mutant of own) add(`${copyOf(text, mutant, numbers.get(mutant))}\n`, mutant);
    add(`${text.slice(before, body.block + 1)} switch (mutation) {`);
    const passed = body.parameters.join(', ');
    for (const mutant of own) {
      const call = `${nameOf(mutant, numbers.get(mutant))}(${passed})`;
      add(` case ${numbers.get(mutant)}: ${body.isVoid ? `${call}; return;` : `return ${call};`}`);
    }
    add(' }');
    at = body.block + 1;
  }
  add(text.slice(at));
  return { text: pieces.join(''), lines };
}

/** The function with the mutant's edit and a name of its own. */
function copyOf(text, mutant, number) {
  const { body, start, end, replacement } = mutant;
  const type = text.slice(body.start, body.name).replace('__attribute__((weak)) ', '');
  const rest = text.slice(body.name + mutant.function.length, start);
  const edited = `${type}${nameOf(mutant, number)}${rest}${replacement}${text.slice(end, body.end)}`;
  return type.startsWith('static') || type.startsWith('INLINE') ? edited : `static ${edited}`;
}

function nameOf(mutant, number) {
  return `${mutant.function}__${number}`;
}

/** `file:line` of each error in a source. */
function errorsOf(folder, source, flags) {
  const place = /^(?:.*\/)?([^/:]+:\d+):\d+: (?:fatal )?error:/gm;
  try {
    execFileSync('clang', [...flags, '-fsyntax-only', '-ferror-limit=0', join(folder, source)], {
      stdio: ['ignore', 'ignore', 'pipe'],
      maxBuffer: 2 ** 28,
    });
    return [];
  } catch (error) {
    const places = [...error.stderr.toString().matchAll(place)].map(([, name]) => name);
    if (!places.length) throw error;
    return places;
  }
}

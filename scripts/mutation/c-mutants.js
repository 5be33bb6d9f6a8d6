/**
 * The mutants of the C core: one small edit each, found in Clang's syntax tree. Macros are no part of
 * that: their bodies are searched for constants and operators.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/**
 * @typedef {object} Mutant
 * @property {string} file its name in src/
 * @property {number} start where the edit begins, in characters
 * @property {number} end
 * @property {string} replacement what stands there instead
 * @property {string} function the function, or macro, that it is in
 * @property {Body} [body] where that function is; a macro has none
 * @property {number} line
 * @property {string} original the edited lines, as they are
 * @property {string} mutant ... and as they become
 */

/**
 * Where a function stands in its file, all in characters.
 *
 * @typedef {object} Body
 * @property {number} start
 * @property {number} name where its name is
 * @property {number} block where its block begins
 * @property {number} end
 * @property {string[]} parameters their names
 * @property {boolean} isVoid whether it returns nothing
 */

/** What each operator becomes: a comparison its neighbour at the boundary, and its opposite. */
const OPERATORS = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '&&': ['||'],
  '||': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '/=': ['*='],
  '|=': ['&='],
  '&=': ['|='],
};
const COMPARISONS = ['<', '<=', '>', '>=', '==', '!='];

/**
 * Which children of a node are statements that can be deleted. One that is all of an `if` is not: a
 * condition that is false does the same.
 */
const STATEMENTS = {
  CompoundStmt: (inner) => inner,
  IfStmt: (inner) => (inner.length > 2 ? inner.slice(1) : []),
  WhileStmt: (inner) => inner.slice(1),
  ForStmt: (inner) => inner.slice(3),
};

/** Which child of a node is its condition. */
const CONDITIONS = { IfStmt: 0, WhileStmt: 0, ForStmt: 2, ConditionalOperator: 0 };

const INTEGER = /^(0x[0-9a-f]+|[0-9]+)([ul]*)$/i;

/**
 * All mutants of some C files and of the headers that they include from the same folder.
 *
 * @param {string} folder src/
 * @param {string[]} names of C files in it
 * @returns {Mutant[]} by file and place
 */
export function mutantsOf(folder, names) {
  const found = new Map();
  const sources = new Map();
  const add = (file, edit) => {
    if (!sources.has(file)) sources.set(file, new Source(file));
    const key = `${file}:${edit.start}:${edit.end}:${edit.replacement}`;
    if (!found.has(key)) found.set(key, sources.get(file).mutant(edit));
  };
  for (const name of names) new Unit(folder, name).visit(add);
  for (const [file, source] of sources) source.visitMacros((edit) => add(file, edit));
  return [...found.values()].sort(
    (a, b) => a.file.localeCompare(b.file) || a.start - b.start || a.end - b.end,
  );
}

/** A source file's text. */
class Source {
  constructor(path) {
    this.path = path;
    this.text = readFileSync(path, 'latin1');
  }

  /** @returns {Mutant} */
  mutant({ start, end, replacement, name, body }) {
    const { text } = this;
    const first = text.lastIndexOf('\n', start - 1) + 1;
    const last = text.indexOf('\n', end);
    const oneLine = (lines) => lines.trim().replace(/\s+/g, ' ');
    return {
      file: basename(this.path),
      start,
      end,
      replacement,
      function: name,
      body,
      line: text.slice(0, start).split('\n').length,
      original: oneLine(text.slice(first, last)),
      mutant: oneLine(text.slice(first, start) + replacement + text.slice(end, last)),
    };
  }

  /** Edits in the bodies of macros; those whose names begin with _ are the system's. */
  visitMacros(add) {
    const macros = /^#define ([A-Za-z]\w*)(?:\([^)]*\))?((?:[^\n\\]|\\\n)*)$/gm;
    for (const match of this.text.matchAll(macros)) {
      const name = match[1];
      const body = match[2].replace(/\/\*.*?\*\//gs, (comment) => ' '.repeat(comment.length));
      const from = match.index + match[0].length - match[2].length;
      for (const { 0: token, index } of body.matchAll(/\b\w+\b|(?<= )(<<|>>|[-+*/%&|])(?= )/g)) {
        const start = from + index;
        const replacements = OPERATORS[token] ?? neighboursOf(token);
        for (const replacement of replacements) {
          add({ start, end: start + token.length, replacement, name });
        }
      }
    }
  }
}

/** A C file with all that it includes, as Clang sees it. */
class Unit {
  constructor(folder, name) {
    this.folder = resolve(folder);
    const flags = ['-std=gnu11', '-fsyntax-only', '-Xclang', '-ast-dump=json'];
    const json = execFileSync('clang', [...flags, join(this.folder, name)], {
      maxBuffer: 2 ** 30,
    });
    this.tree = JSON.parse(json.toString());
    completeFiles(this.tree);
    this.texts = new Map();
  }

  /** @param {(file: string, edit: object) => void} add */
  visit(add) {
    for (const node of this.tree.inner) {
      if (node.kind !== 'FunctionDecl') continue;
      const body = node.inner?.find(({ kind }) => kind === 'CompoundStmt');
      const file = body && this.place(body).file;
      if (!file || resolve(file, '..') !== this.folder) continue;
      this.file = file;
      this.text = readFileSync(file, 'latin1');
      this.returns = node.type.qualType.replace(/ ?\(.*/, '');
      const place = {
        start: this.place(node).start,
        name: node.loc.offset,
        block: this.place(body).start,
        end: this.place(body).end,
        parameters: node.inner.filter(({ kind }) => kind === 'ParmVarDecl').map(({ name }) => name),
        isVoid: this.returns === 'void',
      };
      this.add = ({ start, end }, replacement) => {
        add(file, { start, end, replacement, name: node.name, body: place });
      };
      this.visitNode(body);
    }
  }

  /** A node's text, where a macro counts as what stands there instead of what it stands for. */
  place({ range: { begin, end } }) {
    const first = begin.expansionLoc ?? begin;
    const last = end.expansionLoc ?? end;
    let stop = last.offset + last.tokLen;
    if (end.expansionLoc && this.text?.[stop] === '(') stop = closing(this.text, stop);
    return { file: first.file, start: first.offset, end: stop };
  }

  textOf(node) {
    const { start, end } = this.place(node);
    return this.text.slice(start, end);
  }

  visitNode(node) {
    if (!node.kind) return;
    if (isMacro(node)) {
      if (node.kind === 'IntegerLiteral') this.mutateLiteral(node);
      return;
    }
    const inner = node.inner ?? [];
    for (const statement of STATEMENTS[node.kind]?.(inner) ?? []) this.mutateStatement(statement);
    if (node.kind in CONDITIONS) this.mutateCondition(inner[CONDITIONS[node.kind]]);
    if (node.kind === 'BinaryOperator' || node.kind === 'CompoundAssignOperator') {
      this.mutateOperator(node, inner);
    }
    if (node.kind === 'UnaryOperator') this.mutateUnary(node);
    if (node.kind === 'IntegerLiteral') this.mutateLiteral(node);
    if (node.kind === 'ReturnStmt' && inner.length) this.mutateReturned(inner[0]);
    for (const child of inner) this.visitNode(child);
  }

  /** Deletes it. */
  mutateStatement(node) {
    const changes = ['CompoundAssignOperator', 'CallExpr', 'BreakStmt', 'ContinueStmt'];
    const deletable =
      changes.includes(node.kind) ||
      (node.kind === 'BinaryOperator' && node.opcode === '=') ||
      (node.kind === 'UnaryOperator' && ['++', '--'].includes(node.opcode)) ||
      (node.kind === 'ReturnStmt' && !node.inner);
    if (deletable) this.add(this.place(node), '');
  }

  mutateCondition(node) {
    if (!node.kind) return;
    const place = this.place(node);
    this.add(place, 'true');
    this.add(place, 'false');
    const { opcode } = withoutCasts(node);
    if (opcode === '!' || COMPARISONS.includes(opcode)) return;
    this.add(place, `!(${this.textOf(node)})`);
  }

  mutateOperator({ opcode }, operands) {
    const [left, right] = operands.map((operand) => this.place(operand));
    const start = this.text.indexOf(opcode, left.end);
    if (start < 0 || start >= right.start) return;
    for (const replacement of OPERATORS[opcode] ?? []) {
      this.add({ start, end: start + opcode.length }, replacement);
    }
    const neutral = { '&&': 'true', '||': 'false' }[opcode];
    if (neutral) for (const operand of [left, right]) this.add(operand, neutral);
  }

  mutateUnary(node) {
    const { start, end } = this.place(node);
    const { opcode } = node;
    if (['!', '-', '~'].includes(opcode)) this.add({ start, end: start + 1 }, '');
    if (opcode !== '++' && opcode !== '--') return;
    const at = node.isPostfix ? end - 2 : start;
    this.add({ start: at, end: at + 2 }, opcode === '++' ? '--' : '++');
  }

  mutateLiteral(node) {
    const text = this.textOf(node);
    const opposite = { true: 'false', false: 'true' }[text];
    for (const replacement of opposite ? [opposite] : neighboursOf(text)) {
      this.add(this.place(node), replacement);
    }
  }

  mutateReturned(node) {
    const place = this.place(node);
    const text = this.textOf(node);
    if (/^(_Bool|bool)$/.test(this.returns)) {
      for (const value of ['true', 'false']) if (text !== value) this.add(place, value);
    } else if (this.returns.endsWith('*')) {
      if (text !== 'NULL') this.add(place, 'NULL');
    } else if (!INTEGER.test(text)) {
      this.add(place, '0');
      this.add(place, `(${text}) + 1`);
    }
  }
}

/** @param {string} token @returns {string[]} for an integer one more, one less and 0; else nothing */
function neighboursOf(token) {
  const [, digits, suffix] = INTEGER.exec(token) ?? [];
  if (!digits) return [];
  const value = Number(digits);
  const values = new Set([value + 1, Math.max(value - 1, 0), 0]);
  values.delete(value);
  return [...values].map((number) => `${number}${suffix}`);
}

/** Whether all of the node comes from one macro. */
function isMacro({ range: { begin, end } }) {
  return begin.expansionLoc !== undefined && begin.expansionLoc.offset === end.expansionLoc?.offset;
}

function withoutCasts(node) {
  while (node.kind === 'ImplicitCastExpr' || node.kind === 'ParenExpr') node = node.inner[0];
  return node;
}

/** Clang names a file only where it is another one than that of the place before. */
function completeFiles(tree) {
  let file = '';
  const visit = (node) => {
    if (node === null || typeof node !== 'object') return;
    if (node.offset !== undefined) {
      file = node.file ?? file;
      node.file = file;
      return;
    }
    for (const value of Object.values(node)) visit(value);
  };
  visit(tree);
}

/** One past the parenthesis that closes the one at `open`. */
function closing(text, open) {
  let depth = 0;
  for (let at = open; ; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')' && --depth === 0) return at + 1;
  }
}

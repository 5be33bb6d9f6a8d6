/**
 * Makes mutants of a source file: over TypeScript's syntax tree, each a piece of text that stands
 * in place of another. The operators are those of StrykerJS, and three of our own: bitwise
 * operators, statements left out, and numbers off by one.
 *
 * Left out are texts that people read: tests look at the codes of errors and at the key parts of
 * messages, not at each word.
 */
import ts from 'typescript';

/**
 * @typedef {object} Mutant
 * @property {string} file such as 'arena.js'
 * @property {string} in the function that it is in
 * @property {string} line the line that it begins on, trimmed
 * @property {number} at the line's number
 * @property {string} operator
 * @property {number} start
 * @property {number} end
 * @property {string} original
 * @property {string} replacement
 */

const ARITHMETIC = { '+': '-', '-': '+', '*': '/', '/': '*', '%': '*', '**': '*' };
const BITWISE = { '&': '|', '|': '&', '^': '&', '<<': '>>', '>>': '<<', '>>>': '>>' };
const LOGICAL = { '&&': '||', '||': '&&', '??': '&&' };
const RELATIONAL = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
};
const ASSIGNMENT = {
  ...{ '+=': '-=', '-=': '+=', '*=': '/=', '/=': '*=', '&=': '|=', '|=': '&=', '^=': '&=' },
  ...{ '<<=': '>>=', '>>=': '<<=', '>>>=': '>>=', '??=': '&&=', '||=': '&&=', '&&=': '||=' },
};
const METHODS = { min: 'max', max: 'min', ceil: 'floor', floor: 'ceil', some: 'every' };

/** Whose arguments are texts of messages: all of them, or those from a place on. */
const TEXTS = { badArgument: 0, unsupported: 0, outOfBounds: 0, outOfMemory: 0, checkSize: 1 };
Object.assign(TEXTS, { checkMost: 1, toPages: 1, refuseValue: 2, arenaError: 2, refuse: 2 });
Object.assign(TEXTS, { TypeError: 0, warn: 0, emitWarning: 0 });

const { SyntaxKind } = ts;

/**
 * @param {string} file
 * @param {string} text
 * @returns {Mutant[]}
 */
export function mutantsOf(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  const lines = text.split('\n');
  /** @type {Map<string, Mutant>} */
  const mutants = new Map();

  walk(source, '');
  return [...mutants.values()];

  /**
   * @param {ts.Node} node
   * @param {string} name of the function that it is in
   */
  function walk(node, name) {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    const here = nameOf(node) ?? name;
    for (const [operator, replacement, target = node] of replacements(node)) {
      add(target, here, operator, replacement);
    }
    ts.forEachChild(node, (child) => walk(child, here));
  }

  /**
   * @param {ts.Node} node
   * @param {string} name
   * @param {string} operator
   * @param {string} replacement
   */
  function add(node, name, operator, replacement) {
    const start = node.getStart(source);
    const original = text.slice(start, node.end);
    const key = `${start} ${node.end} ${replacement}`;
    if (mutants.has(key) || replacement === original) return;
    const { line } = source.getLineAndCharacterOfPosition(start);
    const at = { line: lines[line].trim(), at: line + 1 };
    mutants.set(key, {
      ...{ file, in: name, ...at, operator, start, end: node.end, original, replacement },
    });
  }
}

/**
 * @param {ts.Node} node
 * @returns {string | undefined} the name of a function or of what a constant is
 */
function nameOf(node) {
  const isNamed =
    ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isAccessor(node);
  if (isNamed) return node.name?.getText();
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  if (ts.isVariableDeclaration(node) && ts.isSourceFile(node.parent.parent.parent)) {
    return node.name.getText();
  }
  return undefined;
}

/**
 * @param {ts.Node} node
 * @returns {Generator<[operator: string, replacement: string, target?: ts.Node]>}
 */
function* replacements(node) {
  if (isCondition(node)) {
    yield ['condition', 'false'];
    if (!isLoopHead(node)) yield ['condition', 'true'];
  }
  if (ts.isBinaryExpression(node)) yield* ofBinary(node);
  else if (ts.isPrefixUnaryExpression(node)) yield* ofPrefix(node);
  else if (ts.isPostfixUnaryExpression(node)) yield ['update', swapped(node)];
  else if (ts.isBlock(node) && node.statements.length) yield ['block', '{}'];
  else if (ts.isExpressionStatement(node) && isEffect(node.expression)) yield ['statement', ';'];
  else if (node.kind === SyntaxKind.TrueKeyword) yield ['boolean', 'false'];
  else if (node.kind === SyntaxKind.FalseKeyword) yield ['boolean', 'true'];
  else if (ts.isNumericLiteral(node)) yield* ofNumber(node);
  else if (ts.isStringLiteral(node) && !isText(node)) yield* ofString(node);
  else if (ts.isRegularExpressionLiteral(node)) yield ['pattern', node.text.replace('^', '')];
  else if (ts.isArrowFunction(node)) yield* ofArrow(node);
  else if (ts.isArrayLiteralExpression(node)) yield* ofArray(node);
  else if (ts.isObjectLiteralExpression(node) && node.properties.length) yield ['object', '({})'];
  else if (ts.isCallExpression(node)) yield* ofCall(node);
  if (/** @type {any} */ (node).questionDotToken) yield ['optional', withoutQuestion(node)];
}

/** @param {ts.BinaryExpression} node */
function* ofBinary(node) {
  const [left, right] = [node.left.getText(), node.right.getText()];
  const sign = node.operatorToken.getText();
  const isOfTexts = ts.isStringLiteralLike(node.right) || ts.isTemplateExpression(node.left);
  const with_ = (/** @type {string} */ other) => `(${left} ${other} ${right})`;
  if (sign in ARITHMETIC && !isOfTexts) yield ['arithmetic', with_(ARITHMETIC[sign])];
  if (sign in BITWISE) yield ['bitwise', with_(BITWISE[sign])];
  if (sign in LOGICAL) yield ['logical', with_(LOGICAL[sign])];
  if (sign in ASSIGNMENT) yield ['assignment', with_(ASSIGNMENT[sign])];
  if (sign in RELATIONAL) {
    for (const other of RELATIONAL[sign]) yield ['relational', with_(other)];
    yield ['condition', 'false'];
    if (!isLoopHead(node)) yield ['condition', 'true'];
  }
}

/** @param {ts.PrefixUnaryExpression} node */
function* ofPrefix(node) {
  const operand = node.operand.getText();
  const { operator } = node;
  if (operator === SyntaxKind.ExclamationToken) yield ['boolean', operand];
  else if (operator === SyntaxKind.MinusToken) yield ['sign', operand];
  else if (operator === SyntaxKind.PlusToken) yield ['sign', `-${operand}`];
  else if (operator === SyntaxKind.TildeToken) yield ['sign', operand];
  else yield ['update', swapped(node)];
}

/** @param {ts.PrefixUnaryExpression | ts.PostfixUnaryExpression} node */
function swapped(node) {
  const text = node.getText();
  return text.includes('++') ? text.replace('++', '--') : text.replace('--', '++');
}

/** @param {ts.NumericLiteral} node */
function* ofNumber(node) {
  const value = Number(node.getText());
  yield ['number', String(value + 1)];
}

/** @param {ts.StringLiteral} node */
function* ofString(node) {
  if (ts.isPropertyAssignment(node.parent) && node.parent.name === node) return;
  yield ['string', node.text ? "''" : "'mutant'"];
}

/** @param {ts.ArrowFunction} node */
function* ofArrow(node) {
  if (ts.isBlock(node.body)) return;
  yield ['arrow', `${node.getText().slice(0, node.body.pos - node.getStart())} undefined`];
}

/** @param {ts.ArrayLiteralExpression} node */
function* ofArray(node) {
  const { parent } = node;
  if (ts.isBinaryExpression(parent) && parent.left === node) return;
  yield ['array', node.elements.length ? '[]' : "['mutant']"];
}

/** @param {ts.CallExpression} node */
function* ofCall(node) {
  if (!ts.isPropertyAccessExpression(node.expression)) return;
  const { name, expression } = node.expression;
  const other = METHODS[name.text];
  if (other) yield ['method', other, name];
  if (name.text === 'slice') yield ['method', expression.getText()];
}

/** @param {ts.Node} node `a?.b`, `a?.[b]` or `a?.(b)` */
function withoutQuestion(node) {
  const { questionDotToken } = /** @type {any} */ (node);
  const text = node.getText();
  const at = questionDotToken.getStart() - node.getStart();
  const rest = text.slice(at + 2);
  return text.slice(0, at) + (/^[[(]/.test(rest) ? rest : `.${rest}`);
}

/** @param {ts.Node} node */
function isCondition(node) {
  const { parent } = node;
  if (!parent) return false;
  const isHead = ts.isIfStatement(parent) || ts.isWhileStatement(parent);
  if (isHead) return parent.expression === node;
  if (ts.isForStatement(parent)) return parent.condition === node;
  return ts.isConditionalExpression(parent) && parent.condition === node;
}

/** @param {ts.Node} node */
function isLoopHead(node) {
  return isCondition(node) && (ts.isWhileStatement(node.parent) || ts.isForStatement(node.parent));
}

/**
 * Whether a statement has an effect that it can be without; `super` has to be called.
 *
 * @param {ts.Node} node
 */
function isEffect(node) {
  if (ts.isCallExpression(node)) return node.expression.kind !== SyntaxKind.SuperKeyword;
  return ts.isBinaryExpression(node);
}

/**
 * Whether a string stands in a message only.
 *
 * @param {ts.Node} node
 * @returns {boolean}
 */
function isText(node) {
  if (node.getText().includes(' ')) return true;
  for (let { parent } = node, child = node; parent; child = parent, parent = parent.parent) {
    if (ts.isStatement(parent) && !ts.isExpressionStatement(parent)) return false;
    if (ts.isCallExpression(parent) || ts.isNewExpression(parent)) {
      const called = parent.expression;
      const name = ts.isPropertyAccessExpression(called) ? called.name.text : called.getText();
      const place = parent.arguments?.indexOf(/** @type {any} */ (child)) ?? -1;
      if (name in TEXTS && place >= TEXTS[name]) return true;
    }
  }
  return false;
}

/**
 * Writes types/, the declarations of js/, from its JSDoc: `node scripts/types.js`. Members whose name
 * begins with an underscore, and what is @internal, are left out: `stripInternal` does not see that of
 * JavaScript.
 */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const { config } = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile);
const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
const program = ts.createProgram(fileNames, options);

const { diagnostics } = program.emit(undefined, undefined, undefined, true, {
  afterDeclarations: [(context) => (file) => withoutInternals(context, file)],
});
const found = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
if (found.length) {
  console.error(
    ts.formatDiagnosticsWithColorAndContext(found, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => root,
      getNewLine: () => '\n',
    }),
  );
  process.exitCode = 1;
}

function withoutInternals(context, file) {
  const visit = (node) => {
    if (ts.isClassElement(node) && node.name?.text?.startsWith('_')) return undefined;
    if (ts.isStatement(node) && isInternal(ts.getOriginalNode(node))) return undefined;
    return ts.visitEachChild(node, visit, context);
  };
  return ts.visitNode(file, visit);
}

function isInternal(node) {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');
}

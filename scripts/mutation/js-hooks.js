/**
 * Loader hooks: modules of this package that are imported with `?run=…` import each other with it,
 * so that each run of tests has the package and the tests to itself, in one process. Where the run
 * says so, a module's text is that of a mutant.
 */
import { readFileSync } from 'node:fs';

let root;
let mutants;

/** @param {{ root: string, mutants: string }} data URLs of folders */
export function initialize(data) {
  ({ root, mutants } = data);
}

export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  const { search } = new URL(context.parentURL ?? 'file:///');
  if (!search.startsWith('?run=') || !found.url.startsWith(root)) return found;
  const isOurs = !found.url.includes('/node_modules/') && !found.url.includes('?');
  return isOurs ? { ...found, url: found.url + search } : found;
}

export async function load(url, context, next) {
  const { pathname, searchParams } = new URL(url);
  const mutant = searchParams.get('mutant') ?? process.env.MUTATION_MUTANT;
  const file = searchParams.get('file') ?? process.env.MUTATION_FILE;
  if (!mutant || pathname !== new URL(`js/${file}`, root).pathname) return next(url, context);
  const source = readFileSync(new URL(`${mutant}.js`, mutants), 'utf8');
  return { format: 'module', source, shortCircuit: true };
}

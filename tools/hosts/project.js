/**
 * Makes a project that a user might have: the pages of this folder, and the package out of its own
 * tarball, so that `exports`, `files` and `sideEffects` are what they will be once published.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = fileURLToPath(new URL('pages/', import.meta.url));

/** The pages, each a folder with an index.js, and with a worker or worklet beside it. */
export const PAGES = readdirSync(SOURCES).filter((name) => !name.includes('.'));

/** @param {string} folder an empty one */
export function makeProject(folder) {
  const report = npm(ROOT, 'pack', '--json', '--pack-destination', folder);
  const [{ filename }] = JSON.parse(report.slice(report.indexOf('[\n')));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'project', private: true }));
  npm(folder, 'install', '--offline', '--no-audit', '--no-fund', join(folder, filename));
  for (const page of PAGES) {
    cpSync(join(SOURCES, page), join(folder, page), { recursive: true });
    addDocument(join(folder, page));
  }
}

/**
 * What a page loads, by name: index.js, and a worker or worklet that it starts.
 *
 * @param {string} folder
 */
export const scriptsOf = (folder) => readdirSync(folder).filter((name) => name.endsWith('.js'));

/**
 * Puts the document that all pages have into a folder.
 *
 * @param {string} folder
 */
export function addDocument(folder) {
  copyFileSync(join(SOURCES, 'index.html'), join(folder, 'index.html'));
}

/**
 * @param {string} cwd
 * @param {...string} args
 */
function npm(cwd, ...args) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

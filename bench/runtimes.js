import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('../tools/runtimes/node_modules/', import.meta.url);

/** By their npm packages: where each has its program. */
const PROGRAMS = {
  node: ['node/bin/node', []],
  bun: ['bun/bin/bun.exe', []],
  deno: ['deno/deno', ['run', '-A', '--no-lock']],
};

export const HOW_TO_INSTALL = 'npm install --prefix tools/runtimes';

/**
 * This Node.js and the runtimes of tools/runtimes.
 *
 * @returns {{ runtimes: string[][], missing: string[] }} commands with their arguments; the packages
 *   that are not installed
 */
export function installedRuntimes() {
  const programs = Object.entries(PROGRAMS).map(([name, [path, args]]) => {
    return { name, command: [fileURLToPath(new URL(path, FOLDER)), ...args] };
  });
  const isInstalled = ({ command: [program] }) => existsSync(program);
  return {
    runtimes: [[process.execPath], ...programs.filter(isInstalled).map(({ command }) => command)],
    missing: programs.filter((program) => !isInstalled(program)).map(({ name }) => name),
  };
}

/** Runs programs in whatever host this is. */
import { apiWorld } from './api.js';
import { run } from './program.js';
import { rawWorld } from './raw.js';

/** The ways to the core. */
export const PATHS = {
  'the hot path': apiWorld(false),
  'the C path': apiWorld(true),
  'the exports alone': rawWorld(),
};

/**
 * @param {{ seeds: number[], steps: number }} what
 * @returns {Promise<Record<string, string>[]>} for each seed, a hash for each path
 */
export async function hashes({ seeds, steps }) {
  const result = [];
  for (const seed of seeds) {
    const one = {};
    for (const [path, world] of Object.entries(PATHS)) one[path] = run(world, seed, steps);
    result.push(one);
    await collect();
  }
  return result;
}

/**
 * @param {{ seed: number, steps: number, path: string }} what
 * @returns {string[]} what each step of one program was and gave
 */
export function log({ seed, steps, path }) {
  const lines = [];
  run(PATHS[path], seed, steps, lines);
  return lines;
}

/**
 * A page in Chromium has address space for some 125 memories, and those for which a WeakRef was made
 * are not collected before the task ends.
 */
async function collect() {
  await new Promise((resolve) => setTimeout(resolve));
  const { gc, TestUtils } = globalThis;
  await (gc?.() ?? TestUtils?.gc());
}

/**
 * Mutation tests: breaks the code in every small way that there is, one at a time, and counts how many
 * of those mutants some test notices. Ends with 1 where fewer than 95 % are noticed.
 *
 *   npm run mutation             C core and wrapper
 *   npm run mutation -- c        the C core; c.js has the options
 *   npm run mutation -- js       the wrapper; js.js has the options
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SIDES = ['c', 'js'];

const [side, ...rest] = process.argv.slice(2);
if (side && !SIDES.includes(side)) {
  console.error(`npm run mutation -- ${SIDES.join(' | ')}`);
  process.exit(2);
}
for (const name of side ? [side] : SIDES) {
  const script = fileURLToPath(new URL(`${name}.js`, import.meta.url));
  const { status } = spawnSync(process.execPath, [script, ...rest], { stdio: 'inherit' });
  process.exitCode ||= status ?? 1;
}

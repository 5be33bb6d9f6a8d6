/**
 * Records what running code asks of its arenas, and writes NAME.trace beside this file.
 *
 *   node bench/traces/record.js              all of workloads/
 *   node bench/traces/record.js mesh         one
 *   node bench/traces/record.js --check      writes nothing; fails where a trace would differ
 *
 * A workload exports `run`, knows nothing of the recorder, and does the same each time.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { record } from './recorder.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean' } },
});

for (const name of positionals.length ? positionals : ['scene', 'mesh', 'csv', 'protobuf']) {
  const { run } = await import(`./workloads/${name}.js`);
  const { bytes, operations } = await record(run);
  const file = new URL(`${name}.trace`, import.meta.url);
  const trace = Buffer.from(bytes);
  console.log(`${name}: ${operations} operations, ${trace.length} bytes`);
  if (!values.check) {
    writeFileSync(file, trace);
  } else if (!existsSync(file) || !trace.equals(readFileSync(file))) {
    console.error(`${name}.trace differs: node bench/traces/record.js ${name}`);
    process.exitCode = 1;
  }
}

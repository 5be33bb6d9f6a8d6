/** A host that is a process: `FUNCTION OF host.js`, its argument as JSON; prints the result as JSON. */
import * as host from './host.js';

const [name, argument] = process.argv.slice(2);
const { bun, deno, node } = process.versions;
const runtime = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node.js ${node}`;
console.log(JSON.stringify({ runtime, result: await host[name](JSON.parse(argument)) }));

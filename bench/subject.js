/**
 * Runs one subject and prints what it measured, as JSON; main.js calls this, in a new process each
 * time. Runs in Node.js, Bun and Deno.
 *
 *   node bench/subject.js alloc/arena
 *
 * A subject is named by its file in subjects/ and by its function there; no other file is loaded.
 * What follows is what the function is called with: `peers/alloc/arena`.
 */
const [file, name, ...args] = process.argv[2].split('/');
const subjects = await import(`./subjects/${file}.js`);
console.log(JSON.stringify({ ...host(), ...(await subjects[name](...args)) }));

function host() {
  const { Bun, Deno } = globalThis;
  if (Bun) return { engine: 'JSC', runtime: `Bun ${Bun.version}` };
  if (Deno) return { engine: 'V8', runtime: `Deno ${Deno.version.deno}` };
  return { engine: 'V8', runtime: `Node.js ${process.versions.node}` };
}

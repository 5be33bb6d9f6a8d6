/**
 * What the suite asks of a runtime that not every runtime has: tests of it are skipped there, with the
 * reason. Where it can be tried it is; where that would be the test itself, the runtime is named.
 */
import { spawnSync } from 'node:child_process';
import v8 from 'node:v8';

const isBun = () => 'bun' in process.versions;
const isDeno = () => 'deno' in process.versions;

/** Tests by how their full titles begin, or by their files. */
export const LACKS = [
  {
    why: 'the command line is not that of Node.js',
    files: ['build', 'finalization', 'nested', 'package', 'ulimit'],
    isLacking: () =>
      spawnSync(process.execPath, ['--input-type=module', '--eval', 'process.exit(await 42)'])
        .status !== 42,
  },
  {
    why: 'v8.serialize of a view writes its whole buffer',
    titles: ['other threads v8.serialize: copies'],
    isLacking: () => v8.serialize(new Uint8Array(1000).subarray(0, 1)).length > 1000,
  },
  {
    why: 'what is written is copied at once, so there is nothing to see of what would be kept',
    titles: [
      'net, http and dgram Socket.write: keeps it',
      'net, http and dgram ServerResponse.write: keeps it',
    ],
    isLacking: isBun,
  },
  {
    why: 'processes that listen on a port that the system chooses each get another one',
    titles: [/^the servers in examples .* have arenas of their own in each of two processes$/],
    isLacking: isBun,
  },
  {
    why: 'a stream of http2 that is destroyed is not told to the client as Node.js does',
    titles: ['an arena in node:http2 is given back once where streams are destroyed one after'],
    isLacking: () => isBun() || isDeno(),
  },
  {
    why: 'a stream of http2 that is destroyed without a byte is not reset',
    titles: ['an arena in node:http2 is given back once where no byte was written'],
    isLacking: isBun,
  },
  {
    why: 'a request whose body was not read ends the connection',
    titles: [/^the servers in examples .* answer 413 to what passes the limit/],
    isLacking: isDeno,
  },
];

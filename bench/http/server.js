/**
 * A server of examples/server in a process of its own, which counts what the garbage collector does.
 * Its parent says when to begin, and when to report.
 *
 *   node bench/http/server.js arena|usual
 */

import { PerformanceObserver } from 'node:perf_hooks';
import { createArenaServer } from '../../examples/server/arena.js';
import { listen } from '../../examples/server/app.js';
import { createUsualServer } from '../../examples/server/usual.js';

/** Between looks at the resident set, in ms. */
const LOOK = 50;

const SERVERS = { arena: createArenaServer, usual: createUsualServer };

let counted;
begin();

const observer = new PerformanceObserver((list) => list.getEntries().forEach(count));
observer.observe({ type: 'gc' });
setInterval(look, LOOK);

process.on('message', (message) => {
  observer.takeRecords().forEach(count);
  if (message === 'begin') begin();
  else process.send({ ...counted, ...spent() });
});

const server = SERVERS[process.argv[2]]();
/* With 512 uploads to work on, it gets round to a connection only after more than the default of
   5 s, and would close it with the next request already there. */
server.keepAliveTimeout = 600_000;
listen(server);

function begin() {
  counted = { start: performance.now(), cpuAtStart: cpu(), collections: 0, gc: 0, rss: 0 };
  look();
}

/** Since the beginning: seconds, and of those the processor's. */
function spent() {
  return {
    seconds: (performance.now() - counted.start) / 1000,
    cpu: cpu() - counted.cpuAtStart,
  };
}

function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function count({ duration }) {
  counted.collections++;
  counted.gc += duration;
}

function look() {
  counted.rss = Math.max(counted.rss, process.memoryUsage.rss());
}

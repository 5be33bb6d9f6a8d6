/**
 * A RequestArenas for each process of a cluster, or for each worker thread of one process: arenas are
 * never shared, nor is their memory.
 *
 *   node examples/server/cluster.js processes [count] [port]
 *   node examples/server/cluster.js threads [count] [port]
 *
 * /metrics is of the one that answers; its label says which that is.
 */

import cluster from 'node:cluster';
import { once } from 'node:events';
import net from 'node:net';
import { availableParallelism } from 'node:os';
import { pipeline } from 'node:stream';
import { isMainThread, parentPort, threadId, Worker } from 'node:worker_threads';
import { RequestArenas } from '../../js/node.js';
import * as app from './app.js';
import { createArenaServer, OPTIONS } from './arena.js';

const STARTERS = { processes: startProcesses, threads: startThreads };

if (cluster.isWorker) {
  const server = createServer(`process ${cluster.worker.id}`);
  server.listen(Number(process.env.PORT), '127.0.0.1');
} else if (!isMainThread) {
  const server = createServer(`thread ${threadId}`);
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
} else {
  const [how, count = availableParallelism(), port = 0] = process.argv.slice(2);
  if (!STARTERS[how]) throw new Error('usage: cluster.js processes|threads [count] [port]');
  await STARTERS[how](Number(count), Number(port));
}

function createServer(name) {
  return createArenaServer(new RequestArenas({ ...OPTIONS, label: name }));
}

/** Processes listen on one port: the first one hands out the connections. */
async function startProcesses(count, port) {
  const workers = Array.from({ length: count }, () => cluster.fork({ PORT: port }));
  const listening = await Promise.all(workers.map((worker) => once(worker, 'listening')));
  const [[address]] = listening;
  app.announce(address.port);
}

/** Threads can't: each has a port of its own, and this one passes the connections on, in turn. */
async function startThreads(count, port) {
  const workers = Array.from({ length: count }, () => new Worker(new URL(import.meta.url)));
  const ports = await Promise.all(workers.map((worker) => once(worker, 'message')));
  let next = 0;
  const server = net.createServer((socket) => {
    const upstream = net.connect(ports[next++ % count][0], '127.0.0.1');
    /* Either end may break off: then both are closed, and there is nobody to tell. */
    pipeline(socket, upstream, socket, () => {});
  });
  server.listen(port, '127.0.0.1', () => app.announce(server.address().port));
}

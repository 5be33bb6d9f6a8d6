/**
 * A thread of a worker: ends the process where a test has taken too much processor time, as a loop
 * without an end does. Time on the clock says little where the machine has other work.
 */
import { workerData } from 'node:worker_threads';

/** How often it looks, in ms. */
const INTERVAL = 200;

const words = new Int32Array(workerData);
let tests = 0;
let before = spent();

setInterval(() => {
  const [now, limit] = words;
  if (now !== tests) [tests, before] = [now, spent()];
  else if (limit && spent() - before > limit) process.kill(process.pid, 'SIGKILL');
}, INTERVAL);

function spent() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

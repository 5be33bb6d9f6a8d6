import assert from 'node:assert/strict';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { currentArena, RequestArenas } from '../../js/node.js';

const THREADS = 8;
const JOBS = 120;
const AT_ONCE = 12;
const BYTES = 20_000;
/** How often a job lets others run and looks at its bytes again. */
const STEPS = 3;

if (isMainThread) describe('worker threads', tests);
else await work(workerData);

function tests() {
  this.timeout(60_000);

  it(`${THREADS} in a process have RequestArenas of their own and work at once`, async () => {
    const ready = new Int32Array(new SharedArrayBuffer(4));
    const own = new RequestArenas();
    const arena = own.acquire();
    const bytes = arena.buffer(BYTES).fill(0xff);
    const workers = Array.from({ length: THREADS }, (_, number) => {
      return new Worker(new URL(import.meta.url), { workerData: { number, ready } });
    });
    try {
      const reports = await Promise.all(workers.map((worker) => once(worker, 'message')));
      for (const [number, [{ sums, stats }]] of reports.entries()) {
        const expected = Array.from({ length: JOBS }, (_, job) => BYTES * patternOf(number, job));
        assert.deepEqual(sums, expected);
        const { live, orphaned, peak, served, limited, bytes } = stats;
        assert.deepEqual({ live, orphaned, peak }, { live: 0, orphaned: 0, peak: AT_ONCE });
        assert.deepEqual({ served, limited }, { served: JOBS + 1, limited: 1 });
        assert.ok(bytes.p50 >= 0.99 * BYTES && bytes.p99 <= 1.01 * BYTES);
      }
      assert.equal(ready[0], THREADS);
      assert.ok(bytes.equals(Buffer.alloc(BYTES, 0xff)));
      assert.deepEqual([own.stats().live, own.stats().served], [1, 0]);
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
      arena.free();
    }
  });
}

/** What a thread does: a job that is refused, and then many, a dozen at a time. */
async function work({ number, ready }) {
  const arenas = new RequestArenas({ maxConcurrent: AT_ONCE, limit: 2 ** 20 });
  const refused = arenas.run((arena) => arena.alloc(2 ** 20 + 1));
  await assert.rejects(refused, { code: 'ERR_ARENA_OUT_OF_MEMORY' });
  const jobs = Array.from({ length: JOBS }, (_, job) =>
    arenas.run(async (arena) => {
      const bytes = arena.buffer(BYTES);
      assert.ok(bytes.equals(Buffer.alloc(BYTES)));
      const expected = Buffer.alloc(BYTES, patternOf(number, job));
      expected.copy(bytes);
      if (job === AT_ONCE - 1) waitForAll(ready);
      for (let step = 0; step < STEPS; step++) {
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(currentArena(), arena);
        assert.ok(bytes.equals(expected));
      }
      return bytes.reduce((sum, byte) => sum + byte, 0);
    }),
  );
  parentPort.postMessage({ sums: await Promise.all(jobs), stats: arenas.stats() });
}

/** Stops the thread, with its first dozen of arenas filled, until all others are as far. */
function waitForAll(ready) {
  Atomics.add(ready, 0, 1);
  Atomics.notify(ready, 0);
  for (let count; (count = Atomics.load(ready, 0)) < THREADS;) Atomics.wait(ready, 0, count);
}

function patternOf(number, job) {
  return 1 + ((31 * number + job) % 255);
}

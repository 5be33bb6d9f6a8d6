/**
 * Steady frames make no garbage: Chromium's allocation sampling, which also sees what was collected
 * since, over 1,000 frames of 1,000 views and marks.
 */
import assert from 'node:assert/strict';
import { missing, open } from './browsers/engines.js';
import { serve } from './browsers/server.js';

const FRAMES = 1000;

describe('a steady frame, in Chromium', function () {
  this.timeout(120_000);
  let server;
  let chromium;

  before(async function () {
    if (missing('chromium').length && !process.env.CI) this.skip();
    server = await serve();
    chromium = await open('chromium');
    await chromium.goto(`${server.url}tools/browsers/bench.html`);
  });

  after(async () => {
    await chromium?.close();
    server?.close();
  });

  /** Bytes that were allocated in so many frames, by whatever a frame calls. */
  async function sampled(kind) {
    const client = await chromium.page.context().newCDPSession(chromium.page);
    await chromium.evaluate(prepare, kind);
    await client.send('HeapProfiler.startSampling', {
      samplingInterval: 64,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    await chromium.evaluate((frames) => globalThis.runFrames(frames), FRAMES);
    const { profile } = await client.send('HeapProfiler.stopSampling');
    const bytes = ({ callFrame, selfSize, children }, inFrame) => {
      const here = inFrame || callFrame.functionName === 'runFrames';
      return children.reduce((sum, child) => sum + bytes(child, here), here ? selfSize : 0);
    };
    return bytes(profile.head, false);
  }

  it('of an arena allocates 0 bytes', async () => {
    assert.equal(await sampled('arena'), 0);
  });

  it('of a ring of arenas allocates 0 bytes', async () => {
    assert.equal(await sampled('ring'), 0);
  });

  it('of plain typed arrays is seen to allocate', async () => {
    const bytes = await sampled('plain');
    assert.ok(bytes > FRAMES * 1000 * 64, String(bytes));
  });
});

/** Runs in the page: what a frame does, until it is optimised. */
function prepare(kind) {
  return import('/js/index.js').then(({ Arena, FrameArenas }) => {
    const arena = new Arena();
    const frames = new FrameArenas();
    const kinds = {
      arena: () => fill(arena, true),
      ring: () => fill(frames.next(), false),
      plain: () => {
        for (let i = 0; i < 1000; i++) globalThis.kept = new Float32Array(16);
      },
    };
    const work = kinds[kind];

    function fill(arena, resets) {
      for (let i = 0; i < 500; i++) arena.float32(16)[0] = i;
      for (let i = 0; i < 125; i++) {
        const mark = arena.mark();
        for (let j = 0; j < 4; j++) arena.uint16(j)[0] = i;
        arena.release(mark);
      }
      if (resets) arena.reset();
    }
    globalThis.runFrames = function runFrames(count) {
      for (let i = 0; i < count; i++) work();
    };
    globalThis.runFrames(5000);
  });
}

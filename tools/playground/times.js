/* global requestAnimationFrame */
/**
 * What frames of the playground take in Chromium, from their start to the draw call, and its
 * garbage collector beside: `node tools/playground/times.js [particles]`.
 *
 * All of it comes from the browser's trace, of the thread that runs the page: time on the clock, and
 * time of that thread on the processor, which leaves out what other programs took in between. The
 * draw call itself only writes its event: where WebGL is software, drawing would take the processor
 * that the next frame wants. The upload before it is the page's own.
 */
import { serve } from '../../scripts/playground.js';
import { open } from '../browsers/engines.js';

const [particles = '100000'] = process.argv.slice(2);
const FRAMES = 600;
const ROUNDS = 3;
/** Frames before: caches and compilers get used to it. */
const WARM_UP = 200;
const DRAWN = 'drawn';
const SHARES = [0.5, 0.95, 0.99];
const CLOCKS = ['on the processor', 'on the clock'];

const server = await serve();
const browser = await open('chromium');
const { page } = browser;
await page.setViewportSize({ width: 360, height: 300 });
await page.addInitScript((name) => {
  globalThis.WebGL2RenderingContext.prototype.drawElements = () => console.timeStamp(name);
}, DRAWN);
const session = await page.context().newCDPSession(page);

console.log(`${browser.version}, ${particles} particles, ${FRAMES} frames a row, in ms\n`);
printRow('', CLOCKS[0], '', '', CLOCKS[1], '', '', 'collections', 'median', 'sum');
printRow('mode', 'p50', 'p95', 'p99', 'p50', 'p95', 'p99', 'number', 'pause', 'of them');
const rows = [];
for (let round = 0; round < ROUNDS; round++) {
  for (const mode of ['arena', 'plain']) rows.push(await measure(mode));
}
await browser.close();
server.close();

/* The processor's share decides, as in the issue; the clock's depends on who else wants it. */
const arena = rows.filter(({ mode }) => mode === 'arena');
const plain = rows.filter(({ mode }) => mode === 'plain');
const [p50, , p99] = SHARES.map((_, i) => median(arena.map(({ processor }) => processor[i])));
const bound = median(plain.map(({ processor }) => processor[0]));
const pause = median(plain.flatMap(({ pauses }) => pauses));
console.log('\nMedians of the rows, on the processor:');
verdict('p50 of arena', p50, 'p50 of plain', bound);
verdict('p99 of arena', p99, 'p50 of plain + its median pause', bound + pause);

/** A fresh page in one mode, at a steady number of particles, after its first frames. */
async function measure(mode) {
  await page.goto(server.url);
  await page.locator(`input[value=${mode}]`).check();
  await page.locator('#particles').fill(particles);
  await page.evaluate(runFrames, WARM_UP);

  const events = await trace(() => page.evaluate(runFrames, FRAMES));
  const frames = framesOf(events);
  const processor = quantiles(frames.map(({ start, drawn }) => drawn.tts - start.tts));
  const clock = quantiles(frames.map(({ start, drawn }) => drawn.ts - start.ts));
  const { tid } = frames[0].start;
  const pauses = events
    .filter((event) => event.tid === tid && /^(Minor|Major)GC$/.test(event.name))
    .map(({ tdur }) => tdur / 1000);

  const sum = pauses.reduce((total, time) => total + time, 0);
  const times = [...processor, ...clock].map((time) => time.toFixed(2));
  printRow(mode, ...times, pauses.length, median(pauses)?.toFixed(2) ?? '', sum.toFixed(1));
  return { mode, processor, pauses };
}

/** The events of the trace while `job` ran, in the order of their times. */
async function trace(job) {
  const events = [];
  const collect = ({ value }) => events.push(...value);
  session.on('Tracing.dataCollected', collect);
  await session.send('Tracing.start', { categories: 'devtools.timeline,v8' });
  await job();
  const done = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await done;
  session.off('Tracing.dataCollected', collect);
  return events.sort((a, b) => a.ts - b.ts);
}

/** Start and draw call of each frame. */
function framesOf(events) {
  const frames = [];
  let start;
  for (const event of events) {
    if (event.name === 'FireAnimationFrame') start = event;
    if (event.args?.data?.name === DRAWN && start) frames.push({ start, drawn: event });
  }
  return frames;
}

/** Of times in µs, in ms. */
function quantiles(times) {
  const sorted = times.sort((a, b) => a - b);
  return SHARES.map((share) => sorted[Math.floor(share * (sorted.length - 1))] / 1000);
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}

function verdict(name, value, boundName, most) {
  const word = value <= most ? 'no more than' : 'MORE than';
  console.log(`  ${name}, ${value.toFixed(2)}, is ${word} ${boundName}, ${most.toFixed(2)}`);
}

function printRow(name, ...values) {
  const widths = [18, 8, 8, 14, 8, 8, 13, 8, 8];
  console.log(name.padEnd(6) + values.map((value, i) => `${value}`.padStart(widths[i])).join(''));
}

/** Resolves when the page has had so many frames. */
function runFrames(count) {
  return new Promise((resolve) => {
    const next = () => (count-- ? requestAnimationFrame(next) : resolve());
    next();
  });
}

/* global document, getComputedStyle */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, serve } from '../scripts/playground.js';
import { Scene } from '../examples/playground/scene.js';
import { COUNTS, MOST_KEY, sort } from '../examples/playground/sort.js';
import { Statistics } from '../examples/playground/statistics.js';
import { ArenaStorage, PlainStorage } from '../examples/playground/storage.js';
import { missing, open } from './browsers/engines.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
/** WebGL in software takes its time by the pixel. */
const SMALL = { width: 480, height: 500 };
/** Columns of the page's tables. */
const ARENA = 0;
const PLAIN = 1;

describe('what the playground computes', () => {
  it('sorts by key, and leaves what is equal in its order', () => {
    const length = 50_000;
    const keys = Uint32Array.from(
      { length },
      (_, i) => (Math.imul(i, 0x9e3779b1) >>> 7) & MOST_KEY,
    );
    keys.copyWithin(1000, 0, 20_000);
    keys.set([0, MOST_KEY, MOST_KEY, 0]);
    const items = Uint32Array.from(keys.keys());
    const expected = Array.from(items).sort((a, b) => keys[a] - keys[b] || a - b);
    const sortedKeys = expected.map((item) => keys[item]);

    const scratch = () => new Uint32Array(length).fill(7);
    sort(keys, items, scratch(), scratch(), new Uint32Array(COUNTS).fill(7), length);
    assert.deepEqual(Array.from(items), expected);
    assert.deepEqual(Array.from(keys), sortedKeys);
  });

  it('builds the same vertices in both storages while the memory grows under them', () => {
    const scene = new Scene(60_000);
    const arena = new ArenaStorage(2 ** 20);
    const plain = new PlainStorage();
    for (let step = 0; step < 60; step++) {
      const sums = [arena, plain].map((storage) => {
        scene.frame(storage, 1000 * (step + 1), step, 1.5);
        return scene.checksum();
      });
      assert.equal(sums[0], sums[1], `frame ${step}`);
      assert.ok(scene.vertices.subarray(0, 6 * scene.seen).every(Number.isFinite));
    }
    assert.ok(arena.memory.generation > 1, 'it has grown');
    arena.free();
  });

  it('tells long frames from others, and forgets the oldest ones', () => {
    const statistics = new Statistics();
    for (let i = 0; i < 600; i++) statistics.add(50);
    for (let i = 0; i < 597; i++) statistics.add(4);
    for (const time of [12, 9, 8]) statistics.add(time);
    const { frames, median, p99, long, pause } = statistics.summary();
    assert.deepEqual([frames, median, p99, long, pause], [600, 4, 4, 2, 8]);
    statistics.clear();
    assert.equal(statistics.summary().frames, 0);
  });
});

/* A browser that is missing is an error where everything is to be installed. */
const suite = missing('chromium').length && !process.env.CI ? describe.skip : describe;

suite('the playground', function () {
  this.timeout(120_000);
  let server;
  let browser;
  let page;
  let complaints;

  before(async () => {
    server = await serve();
    browser = await open('chromium');
    page = browser.page;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.stack));
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
    });
  });

  after(async () => {
    await browser?.close();
    server?.close();
  });

  beforeEach(async () => {
    complaints = [];
    await page.setViewportSize(SMALL);
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference' });
    await page.goto(server.url);
  });

  afterEach(async () => {
    await page.evaluate(() => globalThis.localStorage.clear());
    assert.deepEqual(complaints, []);
  });

  const text = (selector) => page.locator(selector).innerText();
  const cell = (key, column) => page.locator(`[data-cell=${key}]`).nth(column).innerText();
  const choose = (value) => page.locator(`input[value=${value}]`).check();

  async function slide(id, value) {
    await page.locator(`#${id}`).fill(String(value));
    await page.locator(`#${id}`).dispatchEvent('change');
  }

  /** Waits until a number of the table is there. */
  async function measured(column, key = 'median') {
    await page.waitForFunction(
      ([name, at]) => document.querySelectorAll(`[data-cell=${name}]`)[at].textContent !== '–',
      [key, column],
    );
    return cell(key, column);
  }

  const textBecomes = (selector, pattern) =>
    page.waitForFunction(
      ([query, source]) => new RegExp(source).test(document.querySelector(query).textContent),
      [selector, pattern.source],
    );

  it('measures both modes in turn', async () => {
    await slide('particles', 10_000);
    for (const column of [ARENA, PLAIN]) {
      assert.match(await measured(column), /^\d+\.\d\d ms$/);
      assert.match(await cell('p99', column), /^\d+\.\d\d ms$/);
    }
  });

  it('makes no view in a steady frame of the arena, and seven arrays in one of the other', async () => {
    await choose('arena');
    await slide('particles', 100_000);
    await measured(ARENA);
    assert.equal(await cell('made', ARENA), '0');
    assert.equal(await cell('garbage', ARENA), '0 B');
    await choose('plain');
    await measured(PLAIN);
    assert.equal(await cell('made', PLAIN), '7');
    assert.match(await cell('garbage', PLAIN), /^[34]\.\d\d MiB$/);
  });

  it('goes on in the mode that is chosen', async () => {
    await choose('plain');
    await textBecomes('#scene-text', /plain arrays/);
    await choose('arena');
    await textBecomes('#scene-text', /arena arrays/);
    assert.equal(await text('#status'), 'Arrays of a frame: arena');
  });

  it('draws the same vertices in both modes, whatever the pattern', async () => {
    const sums = new Set();
    for (const pattern of ['steady', 'pulsing', 'spiky']) {
      await choose(pattern);
      await page.locator('#compare').click();
      const [, sum] = (await text('#checksum')).match(
        /^The same [\d,]+ vertices, checksum (\w{8})$/,
      );
      sums.add(sum);
    }
    assert.equal(sums.size, 3, 'other frames have another checksum');
  });

  /** The colours of the picture that a click draws, read in its task: WebGL keeps none longer. */
  const pixelsAfter = (selector) =>
    page.evaluate((query) => {
      const canvas = document.querySelector('#scene');
      const copy = document.createElement('canvas');
      Object.assign(copy, { width: canvas.width, height: canvas.height });
      document.querySelector(query).click();
      const context = copy.getContext('2d');
      context.drawImage(canvas, 0, 0);
      return [...new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer)];
    }, selector);

  it('draws the same picture in both modes, and after a comparison', async () => {
    await page.locator('#play').click();
    const arena = await pixelsAfter('input[value=arena]');
    assert.ok(new Set(arena).size > 100, 'a picture has colours');
    assert.deepEqual(await pixelsAfter('input[value=plain]'), arena);
    assert.deepEqual(await pixelsAfter('#compare'), arena);
  });

  it('grows where the reserve does not suffice, and begins the frame again', async () => {
    await choose('arena');
    assert.equal(await text('#grows'), 'none');
    await slide('reserve', 0);
    await textBecomes('#reserve-bytes', /^1\.00 MiB$/);
    await textBecomes('#growth', /Frame [\d,]+: 1\.00 MiB → [\d.]+ MiB, begun again/);
    assert.match(await text('#grows'), /^\d+ ×, generation \d+$/);
    await page.locator('#compare').click();
    assert.match(await text('#checksum'), /^The same /);

    await slide('reserve', 5);
    await textBecomes('#grows', /^none$/);
    await textBecomes('#size', /^32\.00 MiB$/);
  });

  it('grows on while particles are added', async () => {
    await choose('arena');
    await slide('reserve', 3);
    await slide('particles', 200_000);
    await textBecomes('#growth', /8\.00 MiB →/);
    const size = await text('#size');
    await slide('particles', 500_000);
    await page.waitForFunction(
      (before) => document.querySelector('#size').textContent !== before,
      size,
    );
    await textBecomes('#scene-text', /^500,000 particles/);
  });

  it('says what the last reset freed, and where the arenas are', async () => {
    await choose('arena');
    await textBecomes('#freed', /MiB$/);
    const used = await page.locator('[data-arena=used]').allInnerTexts();
    assert.deepEqual(used, [await text('#freed'), await text('#freed')]);
    const bases = await page.locator('[data-arena=base]').allInnerTexts();
    assert.notEqual(bases[0], bases[1]);
    for (const base of bases) assert.match(base, /^[\d,]+$/);
  });

  it('is used with the keyboard alone', async () => {
    const focused = () =>
      page.evaluate(() => document.activeElement.id || document.activeElement.value || 'link');
    const visited = [];
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press('Tab');
      visited.push(await focused());
    }
    const expected = 'theme play alternate steady particles reserve compare link'.split(' ');
    assert.deepEqual(visited, expected);

    const back = async (count) => {
      for (let i = 0; i < count; i++) await page.keyboard.press('Shift+Tab');
    };
    await back(1);
    await page.keyboard.press('Enter');
    await textBecomes('#checksum', /^The same/);
    await back(2);
    await page.keyboard.press('ArrowRight');
    assert.equal(await text('#particles-value'), '110,000');
    await textBecomes('#scene-text', /^110,000 particles/);
    await back(2);
    await page.keyboard.press('ArrowLeft');
    await textBecomes('#scene-text', /plain arrays/);
    await back(1);
    await page.keyboard.press('Space');
    assert.equal(await text('#play'), 'Play');
    await back(1);
    await page.keyboard.press('Space');
    assert.equal(await page.locator('#theme').getAttribute('aria-pressed'), 'true');
  });

  it('shows where the focus is', async () => {
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press('Tab');
      const outlines = await page.evaluate(() => {
        const { activeElement } = document;
        const shown = [activeElement, activeElement.closest('label') ?? activeElement];
        return shown.map((element) => getComputedStyle(element).outlineWidth);
      });
      assert.ok(outlines.includes('3px'), `stop ${i}`);
    }
  });

  it('stands still at first for those who want less motion', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.goto(server.url);
    await textBecomes('#scene-text', /^100,000 particles/);
    assert.equal(await text('#play'), 'Play');
    assert.equal(await cell('median', ARENA), '–');
    await page.locator('#play').click();
    await measured(ARENA);
  });

  it('has the theme of the system, until the reader takes the other one', async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await background();
    assert.notEqual(dark, light);
    await page.locator('#theme').click();
    assert.equal(await background(), light);
    await page.goto(server.url);
    assert.equal(await background(), light);
  });

  for (const [device, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    for (const colorScheme of ['light', 'dark']) {
      it(`has nothing for axe to complain of: ${device}, ${colorScheme}`, async () => {
        await page.setViewportSize(size);
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.goto(server.url);
        await textBecomes('#scene-text', /^100,000 particles/);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
        assert.deepEqual(found, []);
      });
    }
  }

  it('needs no scrolling sideways, from 360 pixels on', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    for (const width of [360, 390, 620, 899, 900, 1280, 1920]) {
      await page.setViewportSize({ width, height: 700 });
      await page.goto(server.url);
      await textBecomes('#scene-text', /^100,000 particles/);
      const tooWide = await page.evaluate(() => {
        for (const td of document.querySelectorAll('[data-cell]')) td.textContent = '18, +124.5 ms';
        return [...document.querySelectorAll('main *')]
          .filter((element) => element.scrollWidth > element.clientWidth + 1)
          .filter((element) => getComputedStyle(element).display !== 'inline')
          .filter((element) => !element.closest('.hidden'))
          .map((element) => element.outerHTML.slice(0, 80));
      });
      assert.deepEqual(tooWide, [], `${width} pixels`);
      const whole = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(whole <= width, `${whole} at ${width}`);
    }
  });

  it('keeps the height of the picture, whatever the height of the window', async () => {
    const heights = [];
    for (const height of [800, 1200, 600, 800]) {
      await page.setViewportSize({ width: 1280, height });
      await page.waitForTimeout(300);
      heights.push((await page.locator('#scene').boundingBox()).height);
    }
    assert.equal(new Set(heights).size, 1, heights.join());
  });

  it('works from any folder of any static host', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wasm-arena-playground-'));
    build(folder);
    const types = { html: 'text/html', js: 'text/javascript', css: 'text/css' };
    const host = createServer(({ url }, response) => {
      const name = url.replace('/some/folder/', '') || 'index.html';
      const type = types[name.split('.').pop()] ?? 'text/plain';
      response.writeHead(200, { 'Content-Type': type }).end(readFileSync(join(folder, name)));
    });
    await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
    try {
      await page.goto(`http://127.0.0.1:${host.address().port}/some/folder/`);
      await slide('particles', 10_000);
      await measured(ARENA);
      const license = await page.evaluate(async () => {
        const answer = await fetch(document.querySelector('footer a').href);
        return answer.text();
      });
      assert.match(license, /MIT License/);
    } finally {
      await page.goto(server.url);
      host.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('serves the page and nothing else', async () => {
    const answer = async (path) => (await fetch(new URL(path, server.url))).status;
    assert.equal(await answer('style.css'), 200);
    assert.equal(await answer('vendor/wasm-arena/arena.js'), 200);
    for (const path of ['package.json', '..%2f..%2fpackage.json', 'vendor/', 'main.js/']) {
      assert.equal(await answer(path), 404, path);
    }
  });
});

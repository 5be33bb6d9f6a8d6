/* global document, Image, requestAnimationFrame */
/**
 * Takes the pictures of the playground that stand in the README: `node tools/playground/images.js`
 * writes docs/images/.
 *
 * Only the last frame is drawn: where WebGL is software, drawing would take the processor that the
 * frames want, and the times in the picture would be the software's.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { serve } from '../../scripts/playground.js';
import { open } from '../browsers/engines.js';

const PICTURES = [
  { name: 'playground-dark', width: 1280, height: 800, colorScheme: 'dark' },
  { name: 'playground-light', width: 1280, height: 800, colorScheme: 'light' },
  { name: 'playground-phone', width: 390, height: 844, colorScheme: 'light' },
];
/** 8 MiB, which 100,000 particles outgrow. */
const RESERVE = '3';
/** Both modes had their turns, and the growth is still in the chart. */
const FRAMES = 440;
const QUALITY = 0.7;

const folder = new URL('../../docs/images/', import.meta.url);
const server = await serve();
const browser = await open('chromium');
const { page } = browser;
await page.addInitScript(() => {
  const { prototype } = globalThis.WebGL2RenderingContext;
  const { drawElements } = prototype;
  prototype.drawElements = function (...args) {
    if (globalThis.isDrawing) drawElements.apply(this, args);
  };
});
mkdirSync(folder, { recursive: true });

for (const { name, width, height, colorScheme } of PICTURES) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
  await page.goto(server.url);
  await page.locator('#reserve').fill(RESERVE);
  await page.evaluate(runFrames, FRAMES);
  await page.locator('#play').click();
  await page.evaluate(() => (globalThis.isDrawing = true));
  await page.locator('#compare').click();
  await page.evaluate(() => document.activeElement.blur());
  await page.mouse.move(0, 0);
  const bytes = await toWebp(await page.screenshot({ fullPage: true }));
  writeFileSync(new URL(`${name}.webp`, folder), bytes);
  console.log(`docs/images/${name}.webp: ${bytes.length} bytes`);
}
await browser.close();
server.close();

/** Resolves when the page has had so many frames. */
function runFrames(count) {
  return new Promise((resolve) => {
    const next = () => (count-- ? requestAnimationFrame(next) : resolve());
    next();
  });
}

/** The browser has an encoder. */
async function toWebp(png) {
  const url = await page.evaluate(
    async ([base64, quality]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${base64}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width;
      canvas.height = image.height;
      canvas.getContext('2d').drawImage(image, 0, 0);
      return canvas.toDataURL('image/webp', quality);
    },
    [png.toString('base64'), QUALITY],
  );
  return Buffer.from(url.split(',')[1], 'base64');
}

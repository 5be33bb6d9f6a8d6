/**
 * Opens pages in the three engines. What a test needs of each of them is little and the same:
 *
 *   const page = await open('firefox');
 *   await page.goto(url);
 *   await page.evaluate((a, b) => a + b, 1, 2); // 3
 *   await page.close();
 *
 * The browsers are the system's own, found in PATH. Each starts with an empty profile, and Chromium
 * and Firefox with a garbage collector that a page can call: `gc()` and `TestUtils.gc()`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

const CHROMIUM_ARGS = [
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
  '--js-flags=--expose-gc',
];

const FIREFOX_PREFERENCES = {
  'dom.testing.testutils.enabled': true,
  'dom.webgpu.enabled': true,
  'media.autoplay.default': 0,
  'webgl.force-enabled': true,
};

/** @type {Record<string, { needs: string[][], start: () => Promise<object> }>} */
export const ENGINES = {
  chromium: {
    needs: [['chromium', 'chromium-browser', 'google-chrome']],
    start: startChromium,
  },
  firefox: {
    needs: [['firefox-esr', 'firefox'], ['Xvfb']],
    start: startFirefox,
  },
  webkit: {
    needs: [['WebKitWebDriver'], ['Xvfb']],
    start: startWebKit,
  },
};

/**
 * What is not installed of what an engine needs.
 *
 * @param {string} engine
 * @returns {string[]}
 */
export const missing = (engine) =>
  ENGINES[engine].needs.filter((names) => !find(names)).map((names) => names[0]);

/**
 * Starts an engine with one page.
 *
 * @param {string} engine
 * @returns what has `version`; `goto(url)`; `evaluate(fn, ...args)`, of JSON in and out, which
 *   awaits what `fn` returns; `close()`; and `page`, the driver's own: that of playwright-core, of
 *   puppeteer-core, or the session of webdriver
 */
export const open = (engine) => ENGINES[engine].start();

async function startChromium() {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath: find(ENGINES.chromium.needs[0]),
    chromiumSandbox: process.getuid?.() !== 0,
    args: CHROMIUM_ARGS,
  });
  const page = await browser.newPage();
  return {
    page,
    version: `Chromium ${browser.version()}`,
    goto: (url) => page.goto(url),
    evaluate: (fn, ...args) => page.evaluate(`(${fn})(...${JSON.stringify(args)})`),
    close: () => browser.close(),
  };
}

async function startFirefox() {
  const { launch } = await import('puppeteer-core');
  const display = await startDisplay();
  try {
    const browser = await launch({
      browser: 'firefox',
      executablePath: find(ENGINES.firefox.needs[0]),
      extraPrefsFirefox: FIREFOX_PREFERENCES,
      env: { ...process.env, ...display.environment },
    });
    const page = await browser.newPage();
    const version = await browser.version();
    return {
      page,
      version: `Firefox ${version.split('/')[1]}`,
      goto: (url) => page.goto(url),
      evaluate: (fn, ...args) => page.evaluate(`(${fn})(...${JSON.stringify(args)})`),
      close: () => browser.close().finally(display.stop),
    };
  } catch (error) {
    display.stop();
    throw error;
  }
}

async function startWebKit() {
  process.env.WDIO_LOG_LEVEL = 'silent';
  const { default: WebDriver } = await import('webdriver');
  const display = await startDisplay();
  const port = await freePort();
  const driver = start('WebKitWebDriver', [`--port=${port}`], {
    env: { ...process.env, ...display.environment },
  });
  const stop = () => {
    driver.stop();
    display.stop();
  };
  try {
    await answers(`http://127.0.0.1:${port}/status`);
    const page = await WebDriver.newSession({
      hostname: '127.0.0.1',
      port,
      capabilities: { 'wdio:enforceWebDriverClassic': true },
    });
    await page.setTimeouts(undefined, undefined, 600_000);
    return {
      page,
      version: `WebKitGTK ${page.capabilities.browserVersion}`,
      goto: (url) => page.navigateTo(url),
      evaluate: (fn, ...args) => page.executeScript(`return (${fn})(...arguments)`, args),
      close: () => page.deleteSession().finally(stop),
    };
  } catch (error) {
    stop();
    throw error;
  }
}

/** A display without a screen: WebKitGTK needs one, and Firefox for WebGL. */
async function startDisplay() {
  const { child, stop } = start('Xvfb', ['-displayfd', '3', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const [number] = await once(child.stdio[3], 'data');
  return { environment: { DISPLAY: `:${String(number).trim()}` }, stop };
}

/**
 * Starts a program that ends with this one at the latest.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {object} options
 */
function start(command, args, options) {
  const child = spawn(command, args, { stdio: 'ignore', ...options });
  const stop = () => child.kill();
  process.once('exit', stop);
  child.once('exit', () => process.removeListener('exit', stop));
  return { child, stop };
}

/**
 * Where in PATH the first of some programs is.
 *
 * @param {string[]} names
 */
function find(names) {
  for (const name of names) {
    for (const folder of process.env.PATH.split(delimiter)) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A port that nobody listens on. */
function freePort() {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Waits until a server answers.
 *
 * @param {string} url
 */
async function answers(url) {
  for (let i = 0; i < 150; i++) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing answers at ${url}`);
}

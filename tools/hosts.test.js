import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { missing, open } from './browsers/engines.js';
import { serve } from './browsers/server.js';
import { BUNDLERS, PLAIN } from './hosts/bundlers.js';
import { PAGES, makeProject } from './hosts/project.js';
import { writeTable } from './hosts/table.js';

/** In js/allocator.js, and in nothing that `import { Arena }` needs. */
const TRACE = 'was disposed of';

const ALLOWING = "script-src 'self' 'wasm-unsafe-eval'";
const FORBIDDING = "script-src 'self'";

/** What pages say when all went well. */
const OUTCOMES = {
  arena: { sum: 4000.5, used: 0 },
  all: { same: true, peak: 100, objects: [7], refused: [true, true, 'ERR_ARENA_OUT_OF_MEMORY'] },
  nested: { used: 100, inside: true },
  worker: { bytes: [103, 114, 195, 188, 110], carried: 5 },
  worklet: { samples: 12_800, wrong: 0, silent: false, views: 1 },
  policy: { used: 8 },
};

/* A browser that is missing is an error where everything is to be installed. */
const absent = missing('chromium');
const suite = absent.length && !process.env.CI ? describe.skip : describe;

suite(`hosts${absent.map((name) => ` (not installed: ${name})`)}`, function () {
  this.timeout(120_000);
  const warnings = {};
  let folder;
  let server;
  let browser;
  let complaints;
  let lacks;
  let allPassed = true;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wasm-arena-hosts-'));
    makeProject(folder);
    for (const { name, build } of [PLAIN, ...BUNDLERS]) {
      const found = await Promise.all(PAGES.map((page) => buildPage(name, build, page)));
      warnings[name] = found.flat();
    }
    server = await serve({}, pathToFileURL(`${folder}/`));
    browser = await open('chromium');
    browser.page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    browser.page.on('pageerror', (error) => complaints.push(error.message));
  });

  beforeEach(() => (complaints = []));

  afterEach(function () {
    allPassed &&= this.currentTest.state === 'passed';
  });

  after(async () => {
    if (allPassed && lacks) {
      const builds = BUNDLERS.map((bundler) => ({ ...bundler, folder: built(bundler.name) }));
      await writeTable(browser.version, lacks, builds);
    }
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const built = (name, ...path) => join(folder, 'dist', name, ...path);

  function buildPage(name, build, page) {
    mkdirSync(built(name, page), { recursive: true });
    return build(join(folder, page), built(name, page));
  }

  /** What a page says of itself. */
  async function visit(name, page) {
    await browser.goto(`${server.url}dist/${name}/${page}/index.html`);
    return browser.evaluate(() => globalThis.outcome);
  }

  async function runs(name, page) {
    const outcome = await visit(name, page);
    assert.deepEqual(complaints, []);
    assert.deepEqual({ ...outcome, lacks: undefined }, { ...OUTCOMES[page], lacks: undefined });
    return outcome;
  }

  for (const { name } of [PLAIN, ...BUNDLERS]) {
    describe(name, () => {
      it('has arenas', () => runs(name, 'arena'));

      it('has frames and allocators', () => runs(name, 'all'));

      it("has arenas on arenas by `import 'wasm-arena/allocators'` alone", () =>
        runs(name, 'nested'));

      it('has arenas in a dedicated worker', () => runs(name, 'worker'));

      it('has arenas in an AudioWorklet, which mixes two waves exactly', async () => {
        ({ lacks } = await runs(name, 'worklet'));
      });

      if (name === PLAIN.name) return;

      it('warns of nothing', () => assert.deepEqual(warnings[name], []));

      it('takes the allocators only where they are imported', () => {
        const has = (page) => readFileSync(built(name, page, 'index.js'), 'utf8').includes(TRACE);
        assert.deepEqual([has('all'), has('arena')], [true, false]);
      });
    });
  }

  describe("a content security policy with 'wasm-unsafe-eval'", () => {
    for (const page of ['policy', 'worker', 'worklet']) {
      it(`lets the page '${page}' run`, () => under(ALLOWING, () => runs('esbuild', page)));
    }
  });

  describe('a content security policy without it', () => {
    const SAYS = /'wasm-unsafe-eval'/;

    it('gives the error ERR_ARENA_UNSUPPORTED, which says what the policy needs', () =>
      under(FORBIDDING, async () => {
        const { code, message } = await visit('esbuild', 'policy');
        assert.equal(code, 'ERR_ARENA_UNSUPPORTED');
        assert.match(message, SAYS);
        assert.deepEqual(complaints, [], 'the import has compiled nothing');
      }));

    it('gives it in a dedicated worker, too', () =>
      under(FORBIDDING, async () => {
        await assert.rejects(visit('esbuild', 'worker'), SAYS);
      }));

    it('lets no AudioWorklet use arenas', () =>
      under(FORBIDDING, async () => {
        await assert.rejects(visit('esbuild', 'worklet'), /constructor failed/);
      }));
  });

  /** Runs `test` while each answer has a policy. */
  async function under(policy, test) {
    const { page } = browser;
    await page.route('**', async (route) => {
      const response = await route.fetch();
      const headers = { ...response.headers(), 'content-security-policy': policy };
      await route.fulfill({ response, headers });
    });
    try {
      await test();
    } finally {
      await page.unroute('**');
    }
  }
});

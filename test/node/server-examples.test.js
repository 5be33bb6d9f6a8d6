import assert from 'node:assert/strict';
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createArenaServer, OPTIONS } from '../../examples/server/arena.js';
import { createExpressServer } from '../../examples/server/express.js';
import { createFastifyServer } from '../../examples/server/fastify.js';
import { createKoaServer } from '../../examples/server/koa.js';
import { createUsualServer } from '../../examples/server/usual.js';
import { RequestArenas } from '../../js/node.js';

const ROOT = new URL('../../', import.meta.url);
const SEED = Number(process.env.ARENA_SEED ?? Date.now() % 2 ** 32);
const random = generator(SEED);

/** CSV files next to the repository, where there are some, and the one in it. */
const FILES = [new URL('../shared/data/', ROOT), new URL('examples/data/', ROOT)]
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => readdirSync(folder).map((name) => new URL(name, folder)))
  .filter(({ pathname }) => pathname.endsWith('.csv'));

const number = (name, ...values) => ({
  name,
  count: values.length,
  sum: values.reduce((sum, value) => sum + value, 0),
  min: Math.min(...values),
  max: Math.max(...values),
});
const texts = (name, distinct, ...top) => ({ name, distinct, top });

const READ = [
  ['a byte order mark', '/csv', '\ufeffa\n1\n', { rows: 1, columns: [number('a', 1)] }],
  ['it in JSON', '/ndjson', '\ufeff{"a":1}', { rows: 1, columns: [number('a', 1)] }],
  [
    'zip codes as texts',
    '/csv',
    'zip\n00501\n10001\n',
    { rows: 2, columns: [texts('zip', 2, ['00501', 1], ['10001', 1])] },
  ],
  [
    'all line ends, and empty lines',
    '/csv',
    '\r\n\na,b\r\n1,x\r\r2,y\n\n\n3,x',
    { rows: 3, columns: [number('a', 1, 2, 3), texts('b', 2, ['x', 2], ['y', 1])] },
  ],
  [
    'quoted fields',
    '/csv',
    '"a ""1""","b\r\n,"\n"1","x,""y"""\n"2",""\n',
    { rows: 2, columns: [number('a "1"', 1, 2), texts('b\r\n,', 1, ['x,"y"', 1])] },
  ],
  [
    'numbers in all their forms',
    '/ndjson',
    '{"a":0}\n{"a":-0}\n{"a":1.5}\n{"a":-12e3}\n{"a":1E+2}\n{"a":2e-1}\n{"a":0.1234567890123456789}',
    {
      rows: 7,
      columns: [number('a', 0, -0, 1.5, -12e3, 1e2, 0.2, 0.12345678901234568)],
    },
  ],
  [
    'numbers too large for a double as null',
    '/ndjson',
    '{"a":1e400,"b":-1e400}',
    {
      rows: 1,
      columns: [
        { name: 'a', count: 1, sum: null, min: null, max: null },
        { name: 'b', count: 1, sum: null, min: null, max: null },
      ],
    },
  ],
  [
    'what is missing, null or empty as empty',
    '/ndjson',
    '{"a":1,"b":"","c":null}\n\n \t\r\n{"b":"x"}\r\n{}',
    { rows: 3, columns: [number('a', 1), texts('b', 1, ['x', 1]), texts('c', 0)] },
  ],
  [
    'names in any order, and twice: the last value counts',
    '/ndjson',
    '{"b":1,"a":2}\n{"a":3,"b":4,"a":5}\n{"a":6,"a":null}',
    { rows: 3, columns: [number('a', 2, 5), number('b', 1, 4)] },
  ],
  [
    'names with escapes, of Object.prototype and of digits',
    '/ndjson',
    '{"\\u0061":1,"__proto__":2,"10":3,"9":4,"":7}\n{"a":5,"constructor":6}',
    {
      rows: 2,
      columns: [
        ...[
          number('', 7),
          number('10', 3),
          number('9', 4),
          number('__proto__', 2),
          number('a', 1, 5),
        ],
        number('constructor', 6),
      ],
    },
  ],
  [
    'escapes, pairs and halves of pairs',
    '/ndjson',
    '{"a":"\\ud83d\\ude00"}\n{"a":"😀"}\n{"a":"\\ud83d\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000é\\u00e9\\u20ac"}\n{"a":"\\ude00\\ud83d"}',
    {
      rows: 4,
      columns: [texts('a', 3, ['😀', 2], ['\ud83d"\\/\b\f\n\r\t\0éé€', 1], ['\ude00\ud83d', 1])],
    },
  ],
  [
    'nested values as JSON.stringify writes them',
    '/ndjson',
    '{"a":{"y" : [1.0, 1e3,"]\\n}"], "1":null}}\n{"a":[]}\n{"a":[ ]}\n{"a":true}\n{"a":1e20}\n{"a":[1e20,"\\ud800"]}',
    {
      rows: 6,
      columns: [texts('a', 5, ['[]', 2], ['{"1":null,"y":[1,1000,"]\\n}"]}', 1], ['true', 1])],
    },
  ],
  [
    'numbers among texts as texts',
    '/ndjson',
    '{"a":1.50}\n{"a":"1.5"}\n{"a":-0}\n{"a":"0"}\n{"a":1e400}',
    { rows: 5, columns: [texts('a', 3, ['1.5', 2], ['0', 2], ['Infinity', 1])] },
  ],
];

const noObject = (line) => `line ${line} is not a JSON object`;
const REFUSED = [
  ['no bytes', '/csv', '', 'it is empty'],
  ['empty lines', '/csv', '\n\r\n', 'it is empty'],
  ['a header alone', '/csv', 'a,b\n', 'there is no row below the header'],
  ['a short row', '/csv', 'a,b\n1,2\n3\n', 'row 3 has 1 fields, but the header has 2'],
  ['a long row', '/csv', 'a,b\n1,2,3', 'row 2 has 3 fields, but the header has 2'],
  ['an open quote', '/csv', 'a\n"1\n', 'row 2 has a quoted field that does not end with a quote'],
  [
    'text behind a quote',
    '/csv',
    'a\n"1"2\n',
    'row 2 has a quoted field that does not end with a quote',
  ],
  ['bytes that are not UTF-8', '/csv', Buffer.from('a\n\xff', 'latin1'), 'it is not UTF-8'],
  ['a surrogate in UTF-8', '/ndjson', Buffer.from('7b22edb0b0223a317d', 'hex'), 'it is not UTF-8'],
  ['no lines', '/ndjson', ' \n\r\n\t', 'it is empty'],
  ...[
    ...['[1]', '1', '"a"', 'null', 'nul', '{', '}', '{}{}', '{} x', '{"a"}', '{"a":}', '{"a":1,}'],
    ...['{a:1}', "{'a':1}", '{"a":01}', '{"a":1.}', '{"a":.5}', '{"a":+1}', '{"a":-}', '{"a":1e}'],
    ...['{"a":0x1}', '{"a":NaN}', '{"a":Infinity}', '{"a":tru}', '{"a":"\\x"}', '{"a":"\\u12g4"}'],
    ...[
      '{"a":"b}',
      '{"a":"\t"}',
      '{"a":"\\"}',
      '{"a":[1}',
      '{"a":[1,]}',
      '{"a":{"b"}}',
      '{"a":[}]',
    ],
    ...[
      '{"a":[1]',
      '{"a":["]}',
      '{,}',
      '{"a":1 "b":2}',
      '{"a" 1}',
      '{"a":1\n}',
      '\u00a0',
      '{"a":--1}',
    ],
  ].map((line) => [
    `the line ${JSON.stringify(line)}`,
    ...['/ndjson', `{"a":1}\n\n${line}\n{}`, noObject(3)],
  ]),
];

describe(`the servers in examples (ARENA_SEED=${SEED})`, function () {
  this.timeout(60_000);
  const arenas = new RequestArenas(OPTIONS);
  const servers = [];
  let arena;
  let usual;

  before(async () => {
    arena = await start(createArenaServer(arenas));
    usual = await start(createUsualServer());
  });

  afterEach(() => settled(arenas));

  after(() => {
    for (const server of servers) server.close().closeAllConnections();
  });

  async function start(server) {
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return `http://127.0.0.1:${server.address().port}`;
  }

  /** What both answer, which has to be the same, byte for byte. */
  async function both(path, pieces, headers) {
    const [ours, theirs] = await Promise.all(
      [arena, usual].map((url) => post(url + path, pieces, headers)),
    );
    assert.equal(ours.status, theirs.status, `${ours.text}${theirs.text}`);
    assert.ok(ours.bytes.equals(theirs.bytes), `${ours.text}${theirs.text}`);
    assert.equal(ours.headers['content-type'], theirs.headers['content-type']);
    return ours;
  }

  async function summary(path, pieces) {
    const { status, text } = await both(path, pieces);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }

  for (const file of FILES) {
    const { pathname } = file;
    it(`give the same answers on ${pathname.split('/').slice(-3).join('/')}`, async () => {
      const body = readFileSync(file);
      const { rows, columns } = await summary('/csv', [body]);
      const lines = body.toString('latin1').trimEnd().split('\n');
      assert.ok(rows > 1000 && rows <= lines.length - 1);
      assert.equal(columns.length, lines[0].split(',').length);
      assert.deepEqual(await summary('/csv', cut(body, 5000)), { rows, columns });
      const texts = columns.filter(({ top }) => top);
      assert.ok(texts.length && texts.every(({ top: [[, most]] }) => most > 0 && most <= rows));
    });
  }

  it('answer what is in birdstrikes.csv', async () => {
    const { rows, columns } = await summary('/csv', [
      readFileSync(new URL('examples/data/birdstrikes.csv', ROOT)),
    ]);
    assert.equal(rows, 2500);
    const other = columns.find(({ name }) => name === 'Cost Other');
    const expected = { name: 'Cost Other', count: 2500, sum: 195100, min: 0, max: 67767 };
    assert.deepEqual({ ...other, count: 2500 }, expected);
    const airport = columns.find(({ name }) => name === 'Airport Name');
    assert.deepEqual(airport.top[0], ['DALLAS/FORT WORTH INTL ARPT', 296]);
  });

  it('answer what is in megabytes of CSV, however it is cut', async () => {
    const { body, expected } = makeCsv(50_000);
    assert.ok(body.length > 2 ** 21);
    assert.deepEqual(await summary('/csv', cut(body, 100_000)), expected);
    assert.deepEqual(await summary('/csv', cut(body, 3000)), expected);
  });

  it('answer what is in megabytes of newline-delimited JSON, however it is cut', async () => {
    const { body, expected } = makeNdjson(20_000);
    assert.ok(body.length > 2 ** 21);
    assert.deepEqual(await summary('/ndjson', cut(body, 100_000)), expected);
    assert.deepEqual(await summary('/ndjson', cut(body, 3000)), expected);
  });

  it('answer what comes byte by byte', async () => {
    const csv = makeCsv(40);
    assert.deepEqual(await summary('/csv', cut(csv.body, 1)), csv.expected);
    const ndjson = makeNdjson(40);
    assert.deepEqual(await summary('/ndjson', cut(ndjson.body, 1)), ndjson.expected);
  });

  it('answer many small uploads of any kind', async () => {
    for (let i = 0; i < 60; i++) {
      const csv = makeCsv(1 + random(6));
      assert.deepEqual(await summary('/csv', cut(csv.body, 50)), csv.expected);
      const ndjson = makeNdjson(1 + random(6));
      assert.deepEqual(await summary('/ndjson', cut(ndjson.body, 50)), ndjson.expected);
    }
  });

  for (const [what, path, body, expected] of READ) {
    it(`read ${what}`, async () => assert.deepEqual(await summary(path, [body]), expected));
  }

  for (const [what, path, body, error] of REFUSED) {
    it(`refuse ${what} with 400`, async () => {
      const { status, text } = await both(path, [body]);
      assert.deepEqual([status, JSON.parse(text)], [400, { error }]);
    });
  }

  it('refuse broken bodies alike, wherever they break', async () => {
    for (let i = 0; i < 150; i++) {
      const path = i % 2 ? '/csv' : '/ndjson';
      const { body } = i % 2 ? makeCsv(3) : makeNdjson(3);
      const broken = Buffer.from(body);
      broken[random(broken.length)] = Buffer.from('"\\\n,:{}[]0.\x01\xff-u', 'latin1')[random(15)];
      await both(path, [broken.subarray(0, broken.length - random(3))]);
    }
  });

  it('answer line by line whom asks for it, in an answer of many pieces', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `column ${i} ü`);
    const body = Buffer.from(`${names.join()}\n${names.map((_, i) => i).join()}\n`);
    const headers = { accept: 'application/x-ndjson' };
    const answer = await both('/csv', [body], headers);
    assert.equal(answer.headers['content-type'], 'application/x-ndjson');
    assert.ok(answer.bytes.length > 5 * 16_384);
    const [rows, ...columns] = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(rows, { rows: 1 });
    assert.deepEqual(columns, (await summary('/csv', [body])).columns);
    assert.equal(columns[2999].name, 'column 2999 ü');
  });

  it('go by the content type at /, and by the path elsewhere', async () => {
    const status = async (path, type) => {
      const body = type?.includes('json') ? '{"a":1}' : 'a\n1';
      return (await both(path, [Buffer.from(body)], type && { 'content-type': type })).status;
    };
    assert.equal(await status('/', 'text/csv; charset=utf-8'), 200);
    assert.equal(await status('/', 'application/x-ndjson'), 200);
    assert.equal(await status('/', 'text/plain'), 415);
    assert.equal(await status('/'), 415);
    assert.equal(await status('/csv?q', 'text/plain'), 200);
    assert.equal(await status('/other'), 404);
    for (const url of [arena, usual]) assert.equal((await fetch(`${url}/csv`)).status, 405);
  });

  it('answer 413 to what passes the limit, and go on with the connection', async () => {
    const limit = 300_000;
    const limited = new RequestArenas({ limit });
    const urls = [
      await start(createArenaServer(limited)),
      await start(createUsualServer({ limit })),
      await start(createKoaServer(limited)),
      await start(createExpressServer(limited)),
      await start(await createFastifyServer(limited)),
    ];
    const body = Buffer.alloc(2_000_000, 'a,b\n');
    for (const url of urls) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const whole = { agent, 'content-length': body.length };
      for (const headers of [{ agent }, whole, { agent }]) {
        const { status, text } = await post(`${url}/csv`, cut(body, 60_000), headers);
        const answer = [413, { error: 'the upload is too large' }];
        assert.deepEqual([status, JSON.parse(text)], answer);
      }
      const { status } = await post(`${url}/csv`, [Buffer.from('a\n1')], { agent });
      assert.equal(status, 200);
      agent.destroy();
    }
    await settled(limited);
    assert.equal(limited.stats().limited, 12);
  });

  it('answers 413 to what its columns make too large', async () => {
    const limited = new RequestArenas({ limit: 300_000 });
    const url = await start(createArenaServer(limited));
    const body = Buffer.from(`a,b\n${'1,2\n'.repeat(25_000)}`);
    assert.equal((await post(`${url}/csv`, [body])).status, 413);
    assert.equal(
      (await post(`${url}/ndjson`, [Buffer.from('{"a":1}\n'.repeat(25_000))])).status,
      413,
    );
    assert.equal((await post(`${url}/csv`, [body.subarray(0, 20_000)])).status, 200);
    await settled(limited);
  });

  it('answers 503 where the memory of all requests is full', async () => {
    const small = new RequestArenas({ reserve: 2 ** 20, limit: 2 ** 26 });
    const url = await start(createArenaServer(small));
    const answer = await post(`${url}/csv`, cut(Buffer.alloc(2 ** 21, 'a,b\n'), 60_000));
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal((await post(`${url}/csv`, [Buffer.from('a\n1')])).status, 200);
    await settled(small);
  });

  it('answer 503 where there is no arena, and serve again when there is one', async () => {
    const makers = [createArenaServer, createKoaServer, createExpressServer, createFastifyServer];
    for (const create of makers) {
      const few = new RequestArenas({ maxConcurrent: 1, maxQueue: 0 });
      const url = await start(await create(few));
      const first = http.request(`${url}/csv`, { method: 'POST' });
      first.write('a\n1');
      while (few.stats().live < 1) await sleep(1);
      const refused = await post(`${url}/csv`, [Buffer.from('a\n1')]);
      const error = 'there is no memory for it now';
      assert.deepEqual([refused.status, JSON.parse(refused.text)], [503, { error }], create.name);
      first.end('2');
      const [response] = await once(first, 'response');
      response.resume();
      await once(response, 'end');
      await settled(few);
      assert.equal((await post(`${url}/csv`, [Buffer.from('a\n1')])).status, 200);
      assert.equal(few.stats().refused, 1);
    }
  });

  it('gets the arena of a client back that goes in the middle of its upload', async () => {
    const { served } = arenas.stats();
    const request = http.request(`${arena}/csv`, { method: 'POST' });
    request.on('error', () => {});
    request.write('a,b\n1,');
    while (arenas.stats().live < 1) await sleep(1);
    request.destroy();
    await settled(arenas);
    assert.equal(arenas.stats().served, served + 1);
  });

  it('keep no request alive by its arena once that was given back', async () => {
    const own = new RequestArenas();
    let kept;
    let response;
    const handler = own.wrap(async (req, res) => {
      kept = req.arena;
      response = new WeakRef(res);
      res.end('answer');
    });
    await post(await start(http.createServer(handler)), []);
    await settled(own);
    for (let i = 0; i < 200 && response.deref(); i++) {
      await sleep(5);
      globalThis.gc();
    }
    assert.ok(kept.freed);
    assert.ok(!response.deref());
  });

  for (const create of [createKoaServer, createExpressServer, createFastifyServer]) {
    it(`give the same answers from ${create.name}`, async () => {
      const own = new RequestArenas(OPTIONS);
      const url = await start(await create(own));
      const bodies = [
        ['/csv', makeCsv(2000).body],
        ['/ndjson', makeNdjson(2000).body],
        ['/ndjson', Buffer.from('{"a":}')],
      ];
      for (const [path, body] of bodies) {
        const headers = { 'content-type': 'text/csv' };
        const expected = await post(usual + path, [body], headers);
        const answers = Array.from({ length: 8 }, () => post(url + path, cut(body, 9000), headers));
        for (const { status, text, headers } of await Promise.all(answers)) {
          assert.equal(status, expected.status);
          if (status === 200) assert.equal(text, expected.text);
          else assert.deepEqual(JSON.parse(text), JSON.parse(expected.text));
          assert.match(headers['content-type'], /^application\/json/);
        }
      }
      await settled(own);
      assert.equal(own.stats().served, 24);
    });
  }

  it('tells its metrics as Prometheus reads them', async () => {
    const own = new RequestArenas({ ...OPTIONS, label: 'a "label" \\ of\ntwo lines' });
    const url = await start(createArenaServer(own));
    for (let i = 0; i < 3; i++) await post(`${url}/csv`, [Buffer.from('a\n1')]);
    await settled(own);
    const response = await fetch(`${url}/metrics`);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const metrics = parseMetrics(await response.text());
    const { bytes, memory } = own.stats();
    const value = (name) => {
      const [{ labels, value }] = metrics.get(name).samples;
      assert.deepEqual(labels, { arenas: own.label });
      return value;
    };
    assert.equal(value('wasm_arena_served_total'), 3);
    assert.equal(value('wasm_arena_live'), 0);
    assert.equal(value('wasm_arena_orphaned'), 0);
    assert.equal(value('wasm_arena_peak'), 1);
    assert.equal(value('wasm_arena_growths_total'), 0);
    assert.equal(value('wasm_arena_frontier_bytes'), memory.frontier);
    const { type, samples } = metrics.get('wasm_arena_used_bytes');
    assert.equal(type, 'summary');
    const quantiles = samples.map(({ name, labels, value }) => [name, labels.quantile, value]);
    assert.deepEqual(quantiles, [
      ['wasm_arena_used_bytes', '0.5', bytes.p50],
      ['wasm_arena_used_bytes', '0.95', bytes.p95],
      ['wasm_arena_used_bytes', '0.99', bytes.p99],
      ['wasm_arena_used_bytes_count', undefined, 3],
    ]);
    assert.ok(bytes.p50 > 1000);
  });

  for (const how of ['processes', 'threads']) {
    it(`have arenas of their own in each of two ${how}`, async () => {
      const script = fileURLToPath(new URL('examples/server/cluster.js', ROOT));
      const child = fork(script, [how, '2'], { silent: true });
      try {
        const [{ url }] = await once(child, 'message');
        const { body, expected } = makeCsv(500);
        const answers = Array.from({ length: 16 }, () => post(`${url}csv`, cut(body, 9000)));
        for (const { text } of await Promise.all(answers)) {
          assert.deepEqual(JSON.parse(text), expected);
        }
        const served = new Map();
        while (served.size < 2) {
          const { text } = await post(`${url}metrics`, []);
          const [{ labels, value }] = parseMetrics(text).get('wasm_arena_served_total').samples;
          served.set(labels.arenas, value);
        }
        const name = how === 'threads' ? 'thread' : 'process';
        assert.deepEqual([...served.keys()].sort(), [`${name} 1`, `${name} 2`]);
        for (const count of served.values()) assert.ok(count > 0 && count < 16, `${count}`);
        assert.equal(
          [...served.values()].reduce((a, b) => a + b),
          16,
        );
      } finally {
        child.kill();
        await once(child, 'exit');
      }
    });
  }

  for (const name of ['arena', 'usual', 'koa', 'express', 'fastify']) {
    it(`start by themselves: ${name}.js prints its URL`, async () => {
      const script = fileURLToPath(new URL(`examples/server/${name}.js`, ROOT));
      const child = fork(script, [], { silent: true });
      try {
        const [line] = await once(child.stdout, 'data');
        assert.match(String(line), /^http:\/\/127\.0\.0\.1:\d+\/\n$/);
        const url = `${String(line).trim()}csv`;
        const { columns } = JSON.parse((await post(url, [Buffer.from('a\n2')])).text);
        assert.deepEqual(columns, [{ name: 'a', count: 1, sum: 2, min: 2, max: 2 }]);
      } finally {
        child.kill();
        await once(child, 'exit');
      }
    });
  }

  it('are measured by `npm run bench:http`', async () => {
    const script = fileURLToPath(new URL('bench/http/main.js', ROOT));
    const short = ['--duration', '0.2', '--warmup', '0.1', '--rounds', '1'];
    const args = [script, ...short, '--format', 'ndjson', '--json', '64KiB/1'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { cells } = JSON.parse(stdout);
    assert.deepEqual(
      cells.map(({ name, format, connections }) => [name, format, connections]),
      [['64KiB/1', 'ndjson', 1]],
    );
    const [{ bytes, arena, usual }] = cells;
    assert.ok(bytes > 60_000 && bytes <= 65_536);
    for (const { rate, p50, p99, p999, cpu, rss, gc, collections } of [arena, usual]) {
      assert.ok(rate > 0 && cpu > 0 && rss > 2 ** 20);
      assert.equal(gc > 0, collections > 0);
      assert.ok(p50 > 0 && p50 <= p99 && p99 <= p999);
    }
  });
});

/* ---- what is sent, and what comes of it ---- */

/** Fields as CSV has them, and what a reader of them should find. */
function makeCsv(rows) {
  const header = ['n', 'decimal', 'text', 'zip', 'none', 'flag, "or" not', 'unique'];
  const kinds = [
    () => String(random(2000) - 1000),
    () => pick('', '0', '-0.5', '1e3', '2.5E-3', '12345678901234567890', `${random(1e9) / 1000}`),
    () => pick('plain', 'with, comma', 'a "quote"', 'two\r\nlines', 'ünïcödé 😀', '\r', '', ' 1 '),
    () => String(random(300)).padStart(5, '0'),
    () => '',
    () => pick('yes', 'no', '', 'nul\0', '€'.repeat(random(4))),
    () => `${random(1e9)}/${random(1e9)}`,
  ];
  const values = kinds.map((kind) => Array.from({ length: rows }, kind));
  const field = (text) =>
    /[",\r\n]/.test(text) || random(10) === 0 ? `"${text.replaceAll('"', '""')}"` : text;
  const lineEnd = () => pick('\n', '\r\n', '\r', '\n\n', '\n\r\n');
  const lines = [header, ...values[0].map((_, row) => values.map((column) => column[row]))];
  const text = lines.map((line) => line.map(field).join() + lineEnd()).join('');
  const columns = header.map((name, i) => {
    const filled = values[i].filter((value) => value !== '');
    const isNumber = (value) => /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(value);
    return expect(name, filled.length && filled.every(isNumber) ? filled.map(Number) : filled);
  });
  return { body: Buffer.from(pick('', '\ufeff') + text), expected: { rows, columns } };
}

/** Objects with any of the names in any order, written as JSON allows. */
function makeNdjson(rows) {
  const text = () => pick('a', 'ünïcödé 😀', '"\\/', '\ud800', 'x\udc00\ud800', '', '\0\n', '  ');
  const kinds = {
    n: () => pick(0, -1.5, 1e21, 12345.678, random(1000), -0, 5e-324),
    text,
    mixed: () => pick(1, '1', true, null, 2.5, text(), random(10)),
    nested: () => pick([1, [text()], {}], { b: text(), 1: [true, null] }, random(50)),
    'na\u0007me 😀': () => pick(random(5), null),
    unique: () => `${random(1e9)}|${random(1e9)}`,
  };
  const values = new Map();
  const lines = Array.from({ length: rows }, () => {
    const names = Object.keys(kinds).filter(() => random(8) > 0);
    if (random(3) === 0) names.reverse();
    const members = names.map((name) => {
      const value = kinds[name]();
      const filled = value === null || value === '' ? [] : [value];
      if (!values.has(name)) values.set(name, []);
      values.get(name).push(...filled);
      return `${quoted(name)}${space()}:${space()}${written(value)}`;
    });
    return `${space()}{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
  });
  const body = lines.map((line) => line + pick('\n', '\r\n', '\n\n', ' \n\t\n')).join('');
  const names = [...values.keys()].sort();
  const columns = names.map((name) => {
    const found = values.get(name);
    if (found.length && found.every((value) => typeof value === 'number')) {
      return expect(name, found);
    }
    const isSimple = (value) => typeof value === 'string' || typeof value === 'number';
    return expect(
      name,
      found.map((value) => (isSimple(value) ? String(value) : JSON.stringify(value))),
    );
  });
  return { body: Buffer.from(body), expected: { rows, columns } };
}

const space = () => pick('', '', '', ' ', '\t', '\r', '  ');

function written(value) {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${space()}${value.map(written).join(`,${space()}`)}]`;
  if (Object(value) !== value) return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  const members = Object.entries(value).map(([name, value]) => `${quoted(name)}:${written(value)}`);
  return `{${members.join(`${space()},`)}}`;
}

/** A string with some of its units escaped, and those that have to be. */
function quoted(text) {
  const unit = (i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`;
  const all = random(4) === 0;
  if (!all) return JSON.stringify(text);
  return `"${Array.from({ length: text.length }, (_, i) => unit(i)).join('')}"`;
}

function expect(name, values) {
  if (values.length && typeof values[0] === 'number') {
    let [sum, min, max] = [0, Infinity, -Infinity];
    for (const value of values) {
      sum += value;
      min = value < min ? value : min;
      max = value > max ? value : max;
    }
    /* As JSON tells it. */
    return JSON.parse(JSON.stringify({ name, count: values.length, sum, min, max }));
  }
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const top = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3);
  return { name, distinct: counts.size, top };
}

/** Pieces of 1 to `most` bytes: in the middle of characters, quotes, escapes and line ends. */
function cut(body, most) {
  const pieces = [];
  for (let at = 0; at < body.length;) {
    const length = 1 + random(most);
    pieces.push(body.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** A piece is a chunk of the transfer, and so arrives as it is. */
async function post(url, pieces, { agent = false, ...headers } = {}) {
  const request = http.request(url, { method: 'POST', agent, headers });
  const response = once(request, 'response');
  request.flushHeaders();
  for (const piece of pieces) if (piece.length) request.write(piece);
  request.end();
  const [message] = await response;
  const bytes = Buffer.concat(await message.toArray());
  const { statusCode: status } = message;
  return { status, headers: message.headers, bytes, text: bytes.toString() };
}

/** Until every arena was given back: the client has an answer before the server has closed it. */
async function settled(arenas) {
  while (arenas.stats().live > 0) await sleep(1);
  assert.equal(arenas.stats().orphaned, 0);
}

/** Text exposition format: a family has its help, its type and then its samples, once. */
function parseMetrics(text) {
  assert.ok(text.endsWith('\n'));
  const families = new Map();
  let family;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, name, rest] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      assert.ok(!families.has(name), `${name} twice`);
      family = { name, help: rest, type: undefined, samples: [] };
      families.set(name, family);
    } else if (keyword === 'TYPE') {
      assert.ok(name === family.name && !family.type && !family.samples.length, line);
      assert.match(rest, /^(counter|gauge|summary)$/);
      if (rest === 'counter') assert.match(name, /_total$/);
      family.type = rest;
    } else {
      family.samples.push(parseSample(line, family));
    }
  }
  for (const { type, samples } of families.values()) assert.ok(type && samples.length);
  return families;
}

function parseSample(line, family) {
  const [, name, inside, value] =
    /^([a-zA-Z_:][\w:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\]|\\["\\n])*",?)*)\} (\S+)$/.exec(line) ?? [];
  assert.ok(name === family.name || name === `${family.name}_count`, line);
  assert.ok(Number.isFinite(Number(value)), line);
  const unescape = (text) => text.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
  const labels = [...inside.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, label, text]) => [label, unescape(text)],
  );
  return { name, labels: Object.fromEntries(labels), value: Number(value) };
}

function pick(...values) {
  return values[random(values.length)];
}

/** Mulberry32: integers below `n`. */
function generator(state) {
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

import assert from 'node:assert/strict';
import * as crypto from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { promisify } from 'node:util';
import v8 from 'node:v8';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import zlib from 'node:zlib';
import { RequestArenas } from '../../js/node.js';
import { MIB } from '../arenas.js';

const PAGE = new URL('../../docs/buffers.md', import.meta.url);
const RESERVE = 4 * MIB;
const TEXT = 'Grüße, 世界! '.repeat(50);
const EXPECTED = Buffer.from(TEXT);
const OTHERS = 'the bytes of others ';

/** What the page is to say: each API, and the verdict that its test proves. */
const measured = [];

/** The arenas of the test that runs, and one of them. */
let arenas;
let arena;
let folder;

before(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'arena-'));
});
after(() => fs.rmSync(folder, { recursive: true }));
beforeEach(() => {
  arenas = new RequestArenas({ reserve: RESERVE, limit: RESERVE });
  arena = arenas.acquire();
  /* So that nothing begins where the memory does. */
  arena.alloc(1000);
});
afterEach(() => arena.free());

/** A buffer of the arena that has the text. */
function text() {
  const buffer = arena.buffer(EXPECTED.length);
  assert.equal(buffer.write(TEXT), EXPECTED.length);
  return buffer;
}

/** Ends the request; the next one writes where it had its buffers. */
function endRequest() {
  const { used } = arena;
  arena.free();
  arena = arenas.acquire();
  arena.buffer(used).fill(OTHERS);
}

/** Tests an API, and notes its verdict for the page. */
function api(name, verdict, prove) {
  measured.push([name, verdict]);
  it(`${name}: ${verdict}`, prove);
}

const works = (name, prove) => api(name, 'works', prove);
const copies = (name, prove) => api(name, 'copies', prove);
const copiesAll = (name, prove) => api(name, 'copies all of it', prove);
const refuses = (name, prove) => api(name, 'refuses', prove);
const keeps = (name, prove) => api(name, 'keeps it', prove);
const isView = (name, prove) => api(name, 'is a view', prove);

/** Asserts that these are the text's bytes, and no view of the arena. */
function assertCopied(copy) {
  const { buffer } = copy;
  assert.notEqual(buffer, arenas.memory.buffer);
  assert.ok(buffer.byteLength < RESERVE, `${buffer.byteLength} bytes`);
  endRequest();
  assert.deepEqual(Buffer.from(copy), EXPECTED);
}

/** Listens on a free port while `fn` runs. */
async function serving(server, fn) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await fn(server.address().port);
  } finally {
    server.closeAllConnections?.();
    server.close();
    await once(server, 'close');
  }
}

/** All bytes that a readable has. */
async function collect(readable) {
  const chunks = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A pair of connected sockets while `fn` runs. */
function connected(fn, options = {}) {
  const server = net.createServer({ pauseOnConnect: true });
  return serving(server, async (port) => {
    const client = net.connect({ port, host: '127.0.0.1', ...options });
    const [[peer]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    try {
      return await fn(client, peer);
    } finally {
      client.destroy();
      peer.destroy();
    }
  });
}

describe('arena.buffer', () => {
  it('is a Buffer on the memory, of so many bytes, at the alignment', () => {
    const buffer = arena.buffer(100, 64);
    assert.ok(Buffer.isBuffer(buffer) && buffer instanceof Uint8Array);
    assert.equal(buffer.buffer, arenas.memory.buffer);
    assert.equal(buffer.length, 100);
    assert.equal(buffer.byteOffset % 64, 0);
    assert.equal(arena.buffer(1).byteOffset % 8, 0);
    assert.ok(buffer.every((byte) => byte === 0));
    buffer[0] = 7;
    assert.equal(arenas.memory.u8[buffer.byteOffset], 7);
    assert.equal(arena.view(Uint8Array, buffer.byteOffset, 1)[0], 7);
  });

  it('of 0 bytes is one too', () => {
    const buffer = arena.buffer(0);
    assert.ok(Buffer.isBuffer(buffer));
    assert.equal(buffer.length, 0);
    assert.equal(buffer.buffer, arenas.memory.buffer);
  });
});

describe('fs', () => {
  const path = () => join(folder, 'file');
  beforeEach(() => fs.writeFileSync(path(), EXPECTED));

  /** A file that is open for both while `fn` runs. */
  function withFile(fn) {
    const fd = fs.openSync(path(), 'w+');
    try {
      return fn(fd);
    } finally {
      fs.closeSync(fd);
    }
  }
  const assertWritten = () => assert.deepEqual(fs.readFileSync(path()), EXPECTED);

  works('fs.readSync', () => {
    const fd = fs.openSync(path());
    const buffer = arena.buffer(EXPECTED.length + 10);
    assert.equal(fs.readSync(fd, buffer), EXPECTED.length);
    assert.equal(fs.readSync(fd, buffer, 0, 5, 7), 5);
    assert.deepEqual(buffer.subarray(0, 5), EXPECTED.subarray(7, 12));
    assert.deepEqual(buffer.subarray(5, EXPECTED.length), EXPECTED.subarray(5));
    fs.closeSync(fd);
  });
  works('fs.writeSync', () => {
    withFile((fd) => assert.equal(fs.writeSync(fd, text()), EXPECTED.length));
    assertWritten();
  });
  works('fs.read', async () => {
    const fd = fs.openSync(path());
    const buffer = arena.buffer(EXPECTED.length);
    const { bytesRead } = await promisify(fs.read)(fd, buffer, 0, buffer.length, 0);
    fs.closeSync(fd);
    assert.equal(bytesRead, EXPECTED.length);
    assert.deepEqual(buffer, EXPECTED);
  });
  works('fs.write', async () => {
    const fd = fs.openSync(path(), 'w');
    const { bytesWritten, buffer } = await promisify(fs.write)(fd, text());
    fs.closeSync(fd);
    assert.equal(bytesWritten, EXPECTED.length);
    assert.equal(buffer.buffer, arenas.memory.buffer);
    assertWritten();
  });
  works('fs.readvSync, fs.writevSync', () => {
    const all = text();
    withFile((fd) => {
      const parts = [all.subarray(0, 100), all.subarray(100)];
      assert.equal(fs.writevSync(fd, parts), EXPECTED.length);
      const into = [arena.buffer(7), arena.buffer(EXPECTED.length - 7)];
      assert.equal(fs.readvSync(fd, into, 0), EXPECTED.length);
      assert.deepEqual(Buffer.concat(into), EXPECTED);
    });
    assertWritten();
  });
  works('FileHandle.read, FileHandle.write', async () => {
    const file = await open(path(), 'w+');
    await file.write(text());
    const buffer = arena.buffer(EXPECTED.length);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    await file.close();
    assert.equal(bytesRead, EXPECTED.length);
    assert.deepEqual(buffer, EXPECTED);
  });
  works('fs.writeFile, fs.writeFileSync', async () => {
    fs.writeFileSync(path(), text());
    assertWritten();
    fs.writeFileSync(path(), '');
    await writeFile(path(), text());
    assertWritten();
    assert.deepEqual(await readFile(path()), EXPECTED);
  });
  keeps('WriteStream.write', async () => {
    const stream = fs.createWriteStream(path());
    await new Promise((resolve) => stream.write(text(), resolve));
    assertWritten();
    /* Corked, it stays where it is until later. */
    stream.cork();
    stream.write(text());
    endRequest();
    stream.uncork();
    stream.end();
    await once(stream, 'close');
    const second = fs.readFileSync(path(), 'latin1').slice(EXPECTED.length);
    assert.ok(second.includes(OTHERS));
  });
});

describe('net, http and dgram', () => {
  keeps('Socket.write', () =>
    connected(async (client, peer) => {
      const sent = new Promise((resolve) => client.write(text(), resolve));
      await sent;
      endRequest();
      client.end();
      assert.deepEqual(await collect(peer), EXPECTED);
    }).then(() =>
      connected(async (client, peer) => {
        /* More than kernels take: what is left is still in the arena when the request ends. */
        const big = new RequestArenas({ reserve: 64 * MIB, limit: 64 * MIB });
        const request = big.acquire();
        client.write(request.buffer(40 * MIB).fill(1));
        assert.ok(client.writableLength > 0);
        request.free();
        big
          .acquire()
          .buffer(40 * MIB)
          .fill(2);
        client.end();
        const bytes = await collect(peer);
        assert.equal(bytes.length, 40 * MIB);
        assert.ok(bytes.includes(1) && bytes.includes(2));
      }),
    ),
  );
  works("net.connect's onread", async () => {
    const buffer = arena.buffer(EXPECTED.length);
    let got = 0;
    const heard = [];
    const callback = (count, chunk) => {
      assert.equal(chunk, buffer);
      heard.push(Buffer.from(chunk.subarray(0, count)));
      got += count;
      return true;
    };
    await connected(
      async (client, peer) => {
        peer.end(EXPECTED);
        await once(client, 'end');
      },
      { onread: { buffer, callback } },
    );
    assert.equal(got, EXPECTED.length);
    assert.deepEqual(Buffer.concat(heard), EXPECTED);
  });
  keeps('ServerResponse.write', async () => {
    const server = http.createServer((req, res) => {
      res.write(text(), () => res.end());
      if (req.url === '/kept') endRequest();
    });
    await serving(server, async (port) => {
      const get = async (path) => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`);
        return Buffer.from(await response.arrayBuffer());
      };
      assert.deepEqual(await get('/'), EXPECTED);
      assert.ok((await get('/kept')).includes(OTHERS));
    });
  });
  keeps('ClientRequest.end', async () => {
    const server = http.createServer(async (req, res) => res.end(await collect(req)));
    await serving(server, async (port) => {
      const post = (late) =>
        new Promise((resolve, reject) => {
          const options = { port, host: '127.0.0.1', method: 'POST', agent: false };
          const request = http.request(options, (response) => resolve(collect(response)));
          request.on('error', reject);
          request.end(text());
          if (late) endRequest();
        });
      assert.deepEqual(await post(false), EXPECTED);
      assert.ok((await post(true)).includes(OTHERS));
    });
  });
  copies('fetch, Response and Request bodies', async () => {
    const server = http.createServer(async (req, res) => res.end(await collect(req)));
    await serving(server, async (port) => {
      const request = fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: text() });
      endRequest();
      assert.deepEqual(Buffer.from(await (await request).arrayBuffer()), EXPECTED);
    });
    const response = new Response(text());
    endRequest();
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), EXPECTED);
  });
  works('dgram send', async () => {
    const [from, to] = [createSocket('udp4'), createSocket('udp4')];
    try {
      to.bind(0, '127.0.0.1');
      await once(to, 'listening');
      const heard = once(to, 'message');
      await new Promise((resolve) => from.send(text(), to.address().port, '127.0.0.1', resolve));
      endRequest();
      assert.deepEqual((await heard)[0], EXPECTED);
    } finally {
      from.close();
      to.close();
    }
  });
});

describe('streams', () => {
  keeps('Readable.from', async () => {
    const stream = Readable.from([text()]);
    endRequest();
    assert.ok((await collect(stream)).includes(OTHERS));
  });
  keeps('PassThrough.write', async () => {
    const stream = new PassThrough();
    stream.end(text());
    endRequest();
    assert.ok((await collect(stream)).includes(OTHERS));
  });
});

describe('zlib', () => {
  const KINDS = [
    ['gzip', 'gunzip'],
    ['deflate', 'inflate'],
    ['brotliCompress', 'brotliDecompress'],
  ];
  works('zlib.gzipSync and its like', () => {
    for (const [pack, unpack] of KINDS) {
      const packed = zlib[`${pack}Sync`](text());
      assert.deepEqual(zlib[`${unpack}Sync`](arena.from(packed)), EXPECTED);
    }
  });
  works('zlib.gzip and its like', async () => {
    for (const [pack, unpack] of KINDS) {
      const packed = await promisify(zlib[pack])(text());
      assert.deepEqual(await promisify(zlib[unpack])(arena.from(packed)), EXPECTED);
    }
  });
  keeps('Gzip.write', async () => {
    const stream = zlib.createGzip();
    const packed = collect(stream);
    await new Promise((resolve) => stream.write(text(), resolve));
    endRequest();
    stream.end();
    assert.deepEqual(zlib.gunzipSync(await packed), EXPECTED);
    const late = zlib.createGzip();
    late.cork();
    late.write(text());
    endRequest();
    late.uncork();
    late.end();
    assert.ok(zlib.gunzipSync(await collect(late)).includes(OTHERS));
  });
});

describe('crypto', () => {
  const key = Buffer.alloc(32, 3);
  works('Hash.update, Hmac.update', () => {
    const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest(text()), digest(EXPECTED));
    const hmac = (secret, bytes) => crypto.createHmac('sha256', secret).update(bytes).digest('hex');
    assert.equal(hmac(arena.from(key), text()), hmac(key, EXPECTED));
  });
  works('Cipheriv.update, Decipheriv.update', () => {
    const iv = Buffer.alloc(16, 4);
    const own = { key: arena.from(key), iv: arena.from(iv) };
    const cipher = crypto.createCipheriv('aes-256-ctr', own.key, own.iv);
    const secret = arena.from(Buffer.concat([cipher.update(text()), cipher.final()]));
    const decipher = crypto.createDecipheriv('aes-256-ctr', key, iv);
    assert.notDeepEqual(Buffer.from(secret), EXPECTED);
    assert.deepEqual(Buffer.concat([decipher.update(secret), decipher.final()]), EXPECTED);
  });
  works('crypto.randomFillSync, crypto.getRandomValues', () => {
    for (const fill of [crypto.randomFillSync, crypto.webcrypto.getRandomValues]) {
      const [before, buffer, behind] = [arena.buffer(64), arena.buffer(64), arena.buffer(64)];
      fill.call(crypto.webcrypto, buffer);
      assert.ok(buffer.some(Boolean));
      assert.ok(!before.some(Boolean) && !behind.some(Boolean));
    }
  });
  works('crypto.randomFill', async () => {
    const [before, buffer, behind] = [arena.buffer(64), arena.buffer(64), arena.buffer(64)];
    assert.equal(await promisify(crypto.randomFill)(buffer), buffer);
    assert.ok(buffer.some(Boolean));
    assert.ok(!before.some(Boolean) && !behind.some(Boolean));
  });
  works('crypto.timingSafeEqual', () => {
    assert.ok(crypto.timingSafeEqual(text(), text()));
    assert.ok(crypto.timingSafeEqual(text(), EXPECTED));
    const other = text();
    other[5] ^= 1;
    assert.ok(!crypto.timingSafeEqual(other, EXPECTED));
  });
  works('crypto.sign, crypto.verify', () => {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519');
    const signature = arena.from(crypto.sign(null, text(), privateKey));
    assert.ok(crypto.verify(null, EXPECTED, publicKey, signature));
  });
  copies('crypto.createSecretKey', () => {
    const secret = crypto.createSecretKey(text());
    endRequest();
    assert.deepEqual(secret.export(), EXPECTED);
  });
  copies('crypto.subtle', async () => {
    const { subtle } = crypto.webcrypto;
    const digest = subtle.digest('SHA-256', text());
    endRequest();
    const expected = crypto.createHash('sha256').update(EXPECTED).digest();
    assert.deepEqual(Buffer.from(await digest), expected);
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const imported = subtle.importKey('raw', arena.from(key), algorithm, false, ['sign']);
    endRequest();
    const signing = subtle.sign('HMAC', await imported, text());
    endRequest();
    const hmac = crypto.createHmac('sha256', key).update(EXPECTED).digest();
    assert.deepEqual(Buffer.from(await signing), hmac);
  });
});

describe('Buffer', () => {
  works('Buffer.compare, equals, indexOf, includes', () => {
    assert.equal(Buffer.compare(text(), EXPECTED), 0);
    assert.equal(Buffer.compare(text(), Buffer.from('H')), -1);
    assert.ok(text().equals(EXPECTED) && EXPECTED.equals(text()));
    const needle = arena.buffer(6);
    needle.write('世界');
    assert.equal(text().indexOf(needle), EXPECTED.indexOf('世界'));
    assert.equal(text().lastIndexOf('世界'), EXPECTED.lastIndexOf('世界'));
    assert.ok(text().includes('Grüße') && !text().includes('gruesse'));
  });
  works('copy, fill, set, swap16', () => {
    const [source, target] = [text(), arena.buffer(EXPECTED.length)];
    assert.equal(source.copy(target, 2, 0, 100), 100);
    assert.deepEqual(target.subarray(2, 102), EXPECTED.subarray(0, 100));
    target.fill('ab');
    assert.equal(target.toString('latin1', 0, 6), 'ababab');
    target.subarray(0, 4).swap16();
    assert.equal(target.toString('latin1', 0, 6), 'babaab');
    target.set(source);
    assert.deepEqual(target, EXPECTED);
  });
  works('readUInt32LE, writeDoubleBE and their like', () => {
    const buffer = arena.buffer(16);
    assert.equal(buffer.writeDoubleBE(Math.PI, 0), 8);
    assert.equal(buffer.writeUInt32LE(0xdeadbeef, 8), 12);
    assert.equal(buffer.readDoubleBE(0), Math.PI);
    assert.equal(buffer.readUInt32LE(8), 0xdeadbeef);
    assert.equal(arena.view(DataView, buffer.byteOffset, 16).getFloat64(0), Math.PI);
  });
  works('write, toString, in every encoding', () => {
    const samples = {
      utf8: TEXT,
      utf16le: TEXT,
      ucs2: TEXT,
      latin1: 'Grüße',
      binary: 'Grüße',
      ascii: 'plain',
      hex: EXPECTED.toString('hex'),
      base64: EXPECTED.toString('base64'),
      base64url: EXPECTED.toString('base64url'),
    };
    for (const [encoding, sample] of Object.entries(samples)) {
      const bytes = Buffer.from(sample, encoding);
      const buffer = arena.buffer(bytes.length);
      assert.equal(buffer.write(sample, encoding), bytes.length, encoding);
      assert.deepEqual(buffer, bytes, encoding);
      assert.equal(buffer.toString(encoding), sample, encoding);
      assert.equal(arena.buffer(bytes.length).fill(sample, encoding).toString(encoding), sample);
    }
  });
  works('TextDecoder, TextEncoder.encodeInto, StringDecoder', () => {
    assert.equal(new TextDecoder().decode(text()), TEXT);
    assert.equal(
      new TextDecoder('utf-16le').decode(arena.from(Buffer.from('aü', 'utf16le'))),
      'aü',
    );
    const buffer = arena.buffer(EXPECTED.length);
    assert.equal(new TextEncoder().encodeInto(TEXT, buffer).written, EXPECTED.length);
    assert.deepEqual(buffer, EXPECTED);
    const decoder = new StringDecoder('utf8');
    const [head, tail] = [text().subarray(0, 3), text().subarray(3)];
    assert.equal(decoder.write(head) + decoder.end(tail), TEXT);
  });
  isView('subarray, slice', () => {
    for (const name of ['subarray', 'slice']) {
      const buffer = text();
      const part = buffer[name](3, 9);
      assert.equal(part.buffer, arenas.memory.buffer);
      buffer[3] = 0x41;
      assert.equal(part[0], 0x41);
    }
  });
  isView('Buffer.from(buffer.buffer, offset, length)', () => {
    const { buffer, byteOffset, length } = text();
    const view = Buffer.from(buffer, byteOffset, length);
    endRequest();
    assert.ok(view.includes(OTHERS));
  });
  copies('Buffer.from(buffer), Buffer.copyBytesFrom', () => {
    const { copyBytesFrom } = Buffer;
    const other = copyBytesFrom(text());
    assertCopied(Buffer.from(text()));
    assert.deepEqual(other, EXPECTED);
  });
  copies('Buffer.concat', () => assertCopied(Buffer.concat([text()])));
  copies('Uint8Array.prototype.slice.call(buffer)', () =>
    assertCopied(Uint8Array.prototype.slice.call(text())),
  );
  copies('new Uint8Array(buffer)', () => assertCopied(new Uint8Array(text())));
  copies('new Blob([buffer])', async () => {
    const blob = new Blob([text()]);
    assert.equal(blob.size, EXPECTED.length);
    endRequest();
    assert.deepEqual(Buffer.from(await blob.arrayBuffer()), EXPECTED);
  });
});

describe('other threads', () => {
  copiesAll('structuredClone', () => {
    arena.buffer(10).write('secret');
    const clone = structuredClone(text());
    assert.equal(clone.buffer.byteLength, RESERVE);
    assert.deepEqual(Buffer.from(clone), EXPECTED);
    assert.ok(Buffer.from(clone.buffer).includes('secret'));
    const slice = structuredClone(Uint8Array.prototype.slice.call(text()));
    assert.equal(slice.buffer.byteLength, EXPECTED.length);
    const copy = structuredClone(Buffer.copyBytesFrom(text()));
    assert.ok(copy.buffer.byteLength < RESERVE);
    assert.deepEqual(Buffer.from(copy), EXPECTED);
  });
  copiesAll('postMessage, workerData', async () => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(text());
    const { message } = receiveMessageOnPort(port2);
    assert.equal(message.buffer.byteLength, RESERVE);
    assert.deepEqual(Buffer.from(message), EXPECTED);
    port1.close();

    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      parentPort.once('message', ({ buffer }) => {
        parentPort.postMessage([workerData.buffer.byteLength, buffer.byteLength]);
      });`;
    const lengths = async (bytes) => {
      const worker = new Worker(source, { eval: true, workerData: bytes() });
      worker.postMessage(bytes());
      const [answer] = await once(worker, 'message');
      await worker.terminate();
      return answer;
    };
    assert.deepEqual(await lengths(text), [RESERVE, RESERVE]);
    const { length } = EXPECTED;
    const slice = () => Uint8Array.prototype.slice.call(text());
    assert.deepEqual(await lengths(slice), [length, length]);
  });
  api('a transfer', 'copies all of it', () => {
    /* Or refuses, as newer releases of Node.js may: what never happens is that memory is gone. */
    const assertStays = (buffer, transfer) => {
      try {
        assert.equal(transfer([buffer.buffer]).buffer.byteLength, RESERVE);
      } catch (error) {
        assert.match(error.name, /DataCloneError|TypeError/);
      }
      assert.deepEqual(buffer, EXPECTED);
      assert.equal(arenas.memory.generation, 0);
    };
    const buffer = text();
    assertStays(buffer, (transfer) => structuredClone(buffer, { transfer }));
    const { port1, port2 } = new MessageChannel();
    assertStays(buffer, (transfer) => {
      port1.postMessage(buffer, transfer);
      return receiveMessageOnPort(port2).message;
    });
    port1.close();
  });
  refuses('ArrayBuffer.prototype.transfer', () => {
    const { buffer } = text();
    assert.throws(() => buffer.transfer(), { name: 'TypeError' });
    assert.equal(buffer.byteLength, RESERVE);
  });
  copies('v8.serialize', () => {
    const bytes = v8.serialize(text());
    assert.ok(bytes.length < EXPECTED.length + 100);
    endRequest();
    assert.deepEqual(Buffer.from(v8.deserialize(bytes)), EXPECTED);
  });
});

describe('docs/buffers.md', () => {
  it('says of each API what was proven here, and of no other', () => {
    const rows = fs
      .readFileSync(PAGE, 'utf8')
      .split('\n')
      .map((line) => line.match(/^\| (`.+`) +\| \*{0,2}([a-z ]+?)\*{0,2} +\| (\S.*\S) +\|$/))
      .filter(Boolean)
      .map(([, name, verdict]) => [name.replaceAll('`', ''), verdict]);
    assert.deepEqual(rows, measured);
  });
});

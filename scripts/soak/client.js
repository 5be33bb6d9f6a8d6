/** The soak's clients: they bring each ending about, and check what they get. */
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { countOf, pathOf, Pattern, planOf } from './mix.js';

/** How long a client does not read that reads slowly, in ms. */
const SLOW = 10;

const OK = 200;
const SWITCHED = 101;
const REFUSED = 503;
const STATUS = { throw: 500, reject: 500, limit: 413, upgrade: SWITCHED };

/** Sends the requests of a seed to the server at a port. */
export class Client {
  constructor(port, seed) {
    this._address = { port, host: '127.0.0.1' };
    this._seed = seed;
    this._agent = new Agent({ keepAlive: true });
  }

  close() {
    this._agent.destroy();
  }

  /**
   * Performs request number `id`.
   *
   * @returns {Promise<string[]>} how it ended, or each one of a pipeline: 'ended' as planned,
   *   'refused' where there was no arena for it, 'gone' before its answer
   * @throws where it got what is wrong
   */
  async perform(id) {
    const plan = planOf(this._seed, id);
    const { ending } = plan;
    try {
      if (ending.endsWith('pipelined')) return await this._pipeline(id, plan);
      if (ending === 'timeout') return [await this._fallSilent(plan)];
      return [await (ending.startsWith('abort') ? this._leave(plan) : this._stay(plan))];
    } catch (error) {
      throw new Error(`request ${plan.key} (${ending}): ${error.message}`, { cause: error });
    }
  }

  /** Waits for the answer, and checks it. */
  async _stay(plan) {
    const { ending } = plan;
    const sent = this._send(plan);
    sent.end(ending === 'upload' ? patternOf(plan, plan.total) : undefined);
    const answer = await answerOf(sent);
    const { statusCode } = answer;
    if (statusCode === SWITCHED) {
      await checkBody(answer.socket, plan);
      part(answer.socket, plan);
    } else if (statusCode === OK) {
      await checkBody(answer, plan);
    } else {
      await drained(answer);
    }
    if (statusCode === REFUSED) return 'refused';
    if (statusCode !== (STATUS[ending] ?? OK)) throw new Error(`status ${statusCode}`);
    return 'ended';
  }

  /** Goes before there is an answer, or in its middle, or with a body half sent. */
  async _leave(plan) {
    const sent = this._send(plan);
    const closed = new Promise((resolve) => sent.once('close', resolve));
    sent.on('error', () => {});
    if (plan.ending === 'abort-body') sent.write(patternOf(plan, plan.total >> 1));
    else sent.end();

    if (plan.ending === 'abort-download') {
      const answer = await answerOf(sent);
      if (answer.statusCode === OK) await new Promise((resolve) => answer.once('data', resolve));
      else await drained(answer);
    } else {
      await sleep(plan.leave);
    }
    const { res } = sent;
    const isOver = res?.complete && sent.writableFinished;
    if (isOver) res.resume();
    else part(sent, plan);
    await closed;
    if (!isOver) return 'gone';
    return res.statusCode === REFUSED ? 'refused' : 'ended';
  }

  /** Sends half a body and no more, until the server cuts the connection. */
  async _fallSilent(plan) {
    const sent = this._send(plan);
    sent.write(patternOf(plan, plan.total >> 1));
    const answer = await answerOf(sent).catch(() => undefined);
    if (!answer) return 'ended';
    sent.on('error', () => {}).destroy();
    if (answer.statusCode === REFUSED) return 'refused';
    throw new Error(`status ${answer.statusCode}`);
  }

  /** Sends several requests in one go, and reads all answers, or goes before. */
  async _pipeline(id, plan) {
    const plans = Array.from({ length: countOf(plan) }, (_, part) => planOf(this._seed, id, part));
    const heads = plans.map((each) => `GET ${pathOf(each)} HTTP/1.1\r\nHost: soak\r\n`);
    const socket = connect(this._address);
    socket.on('error', () => {});
    socket.write(`${heads.join('\r\n')}Connection: close\r\n\r\n`);
    const chunks = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    if (plan.ending === 'abort-pipelined') {
      await sleep(plan.leave);
      part(socket, plan);
    }
    await closed;
    if (plan.ending === 'abort-pipelined') return plans.map(() => 'gone');
    const answers = parse(Buffer.concat(chunks));
    if (answers.length !== plans.length) throw new Error(`${answers.length} answers`);
    return plans.map((each, at) => {
      const { status, body } = answers[at];
      if (status === REFUSED) return 'refused';
      const isRight = body.length === each.total && new Pattern(each).is(body, 0);
      if (status !== OK || !isRight) throw new Error(`status ${status}, answer ${at} is wrong`);
      return 'ended';
    });
  }

  _send(plan) {
    const { ending, total } = plan;
    const headers = {};
    if (ending === 'upgrade') Object.assign(headers, { connection: 'Upgrade', upgrade: 'soak' });
    const hasBody = ['upload', 'abort-body', 'timeout'].includes(ending);
    if (hasBody) headers['content-length'] = total;
    const method = hasBody ? 'POST' : 'GET';
    return request({ ...this._address, agent: this._agent, path: pathOf(plan), method, headers });
  }
}

/** The response, or what is left of a socket that was upgraded. */
function answerOf(sent) {
  return new Promise((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', resolve);
    sent.once('upgrade', (response, socket, head) => {
      socket.unshift(head);
      socket.on('error', () => {});
      resolve({ statusCode: response.statusCode, socket });
    });
  });
}

/** Checks that the stream brings the bytes that are the request's own, all of them. */
function checkBody(stream, plan) {
  const pattern = new Pattern(plan);
  return new Promise((resolve, reject) => {
    let at = 0;
    const end = () => {
      if (at === plan.total) resolve();
      else reject(new Error(`${at} of ${plan.total} bytes`));
    };
    stream.on('data', (chunk) => {
      if (!pattern.is(chunk, at)) reject(new Error(`wrong bytes from ${at} on`));
      if (!at && plan.ending === 'big') {
        stream.pause();
        setTimeout(() => stream.resume(), SLOW);
      }
      at += chunk.length;
      if (at === plan.total && plan.ending === 'upgrade') resolve();
    });
    stream.once('end', end).once('close', end).once('error', reject);
  });
}

function drained(stream) {
  return new Promise((resolve) => stream.resume().once('close', resolve));
}

/** Goes; most do not say so, but reset the connection. */
function part(stream, { reset }) {
  const socket = stream.socket ?? stream;
  if (reset && socket.resetAndDestroy) socket.resetAndDestroy();
  else stream.destroy();
}

function patternOf(plan, length) {
  const bytes = Buffer.allocUnsafe(length);
  new Pattern(plan).fill(bytes, 0);
  return bytes;
}

/** Answers that came one after the other: with a length, or, where there is no body, in chunks. */
function parse(bytes) {
  const answers = [];
  while (bytes.length) {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) throw new Error('half an answer');
    const head = bytes.toString('latin1', 0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const rest = /chunked/i.test(head) ? '0\r\n\r\n'.length : 0;
    const body = bytes.subarray(end + 4, end + 4 + length);
    answers.push({ status: Number(head.split(' ')[1]), body });
    bytes = bytes.subarray(end + 4 + length + rest);
  }
  return answers;
}

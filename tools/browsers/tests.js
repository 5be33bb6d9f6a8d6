/**
 * Runs test files in the page, and tells the server of each result as it comes: what ran before a
 * crash is known then. The query has `file`, any number of them, and `grep`.
 */
const query = new URLSearchParams(location.search);
const socket = new WebSocket(`ws://${location.host}/results`);
const send = (message) => socket.send(JSON.stringify(message));

/* What Node.js has with --expose-gc. */
const { TestUtils } = globalThis;
globalThis.gc ??= TestUtils && (() => TestUtils.gc());

const { mocha } = globalThis;
mocha.setup({ ui: 'bdd', timeout: 20_000, reporter, grep: query.get('grep') ?? undefined });

socket.addEventListener('open', async () => {
  let file;
  try {
    afterEach(collect);
    for (file of query.getAll('file')) await import(`/${file}`);
    mocha.run();
  } catch (error) {
    send({ event: 'fail', title: `loading ${file}`, error: describeError(error) });
    send({ event: 'end' });
  }
});

/*
 * A page in Chromium has address space for some 125 memories, and those for which a WeakRef was made
 * are not collected before the task ends; mocha runs many tests in one.
 */
let tests = 0;
async function collect() {
  await new Promise((resolve) => setTimeout(resolve));
  if (++tests % 20 === 0) await globalThis.gc?.();
}

function reporter(runner) {
  runner.on('pass', (test) => send({ event: 'pass', ...describeTest(test) }));
  runner.on('pending', (test) => send({ event: 'pending', ...describeTest(test) }));
  runner.on('fail', (test, error) =>
    send({ event: 'fail', ...describeTest(test), error: describeError(error) }),
  );
  runner.on('end', () => send({ event: 'end' }));
}

/* A test may leave in `outcome` what the engine made of what it was given. */
function describeTest(test) {
  return { title: test.fullTitle(), duration: test.duration, outcome: test.outcome };
}

function describeError(error) {
  const { message, stack = '' } = Object(error);
  return stack.includes(message) ? stack : `${message ?? error}\n${stack}`;
}

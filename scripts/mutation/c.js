/**
 * Mutation tests of the C core: `npm run mutation -- c`.
 *
 *   npm run mutation -- c                            all of it, two mutants at once
 *   npm run mutation -- c --jobs 1                   one at a time
 *   npm run mutation -- c --file heap.c              those in one file; more than once if you like
 *   npm run mutation -- c --function pool_alloc      those in one function
 *   npm run mutation -- c --without-sanitizers       quicker: no second chance
 *   npm run mutation -- c --listed                   the listed ones too, to see whether a test kills them
 *
 * A mutant is killed by the first native test program that fails with it, or takes ten times as long
 * as it should. What survives has a second chance under AddressSanitizer and UBSan, as in CI. One that
 * compiles to the same instructions is no mutant. Those that nobody can tell from the original, though
 * their instructions differ, are listed in equivalent-c.json, each with the reason; those lines are
 * found again by file, function and text.
 *
 * What only the wasm modules have (exports.c, allocators.c, memory_wasm.c, abi/) is no part of it:
 * native programs do not run it.
 *
 * Prints a line for each survivor, and the score: killed ones over all that are killed or survive and
 * are not listed. Ends with 1 below 95 %, and where an entry of the list names no mutant.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutantsOf } from './c-mutants.js';
import { Code, inParallel, librarySources, makeWorkplace, Programs, write } from './c-programs.js';

/** @import { Mutant } from './c-mutants.js' */
/** @import { Program } from './c-programs.js' */

/** @typedef {'killed' | 'survived' | 'same' | 'invalid' | 'listed'} Outcome */

const SCORE_LEAST = 0.95;

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    jobs: { type: 'string', default: '2' },
    file: { type: 'string', multiple: true },
    function: { type: 'string', multiple: true },
    'without-sanitizers': { type: 'boolean', default: false },
    listed: { type: 'boolean', default: false },
  },
});
const jobs = Number(options.jobs);
if (!(jobs >= 1)) {
  console.error(`--jobs is a number from 1 on, not ${options.jobs}`);
  process.exit(2);
}

/** The mutants that are listed as equivalent. */
class List {
  constructor() {
    /** @type {{ file: string, function: string, original: string, mutants: string[], reason: string }[]} */
    this.entries = JSON.parse(readFileSync(new URL('equivalent-c.json', import.meta.url), 'utf8'));
    this.met = new Set();
  }

  /** @param {Mutant} mutant */
  has(mutant) {
    for (const entry of this.entries) {
      const { file, original } = entry;
      const here = file === mutant.file && entry.function === mutant.function;
      if (!here || original !== mutant.original || !entry.mutants.includes(mutant.mutant)) continue;
      this.met.add(keyOf(entry, mutant.mutant));
      return true;
    }
    return false;
  }

  /** What the list says of mutants that there are not. */
  get stale() {
    return this.entries.flatMap((entry) =>
      entry.mutants
        .filter((mutant) => !this.met.has(keyOf(entry, mutant)))
        .map((mutant) => `src/${entry.file}, ${entry.function}: ${entry.original}  →  ${mutant}`),
    );
  }
}

function keyOf({ file, function: name, original }, mutant) {
  return [file, name, original, mutant].join('\n');
}

/** Puts first who killed a mutant of the same function, then of the same file, then who is quick. */
class Order {
  constructor() {
    /** @type {Map<string, number>} */
    this.kills = new Map();
  }

  /** @param {Mutant} mutant @param {Program[]} programs */
  of(mutant, programs) {
    const [near, far] = [mutant.function, mutant.file].map(
      (place) => (program) => this.kills.get(`${mutant.file} ${place} ${program.name}`) ?? 0,
    );
    return [...programs].sort((a, b) => near(b) - near(a) || far(b) - far(a) || a.took - b.took);
  }

  note(mutant, program) {
    for (const place of [mutant.function, mutant.file]) {
      const key = `${mutant.file} ${place} ${program.name}`;
      this.kills.set(key, (this.kills.get(key) ?? 0) + 1);
    }
  }
}

/** @param {Mutant} mutant */
function line({ file, line: number, function: name, original, mutant }) {
  return `src/${file}:${number}, ${name}: ${original}  →  ${mutant}`;
}

const start = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'mutation-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const list = new List();
const all = mutantsOf(join(root, 'src'), librarySources(root));
const listed = new Set(all.filter((mutant) => list.has(mutant)));
const chosen = all.filter(
  (mutant) =>
    (options.file?.includes(mutant.file) ?? true) &&
    (options.function?.includes(mutant.function) ?? true),
);

const selectable = chosen.filter(({ body }) => body);
const sanitizers = options['without-sanitizers'] ? [false] : [false, true];
const withAll = sanitizers.map((sanitized) => build('all', sanitized, selectable));
const asTheyAre = sanitizers.map((sanitized) => build('none', sanitized, []));
const code = new Code(withAll[0], workplace('unchanged'));
const order = new Order();
await withAll[0].ready();

/** @param {string} name @param {boolean} sanitized @param {Mutant[]} mutants */
function build(name, sanitized, mutants) {
  const place = join(folder, sanitized ? `${name}-sanitized` : name);
  return new Programs(root, place, sanitized, mutants);
}

function workplace(name) {
  const place = join(folder, name);
  makeWorkplace(root, place);
  return place;
}

/** @param {Mutant} mutant @param {string} place @returns {Promise<Outcome>} */
async function outcomeOf(mutant, place) {
  const [plain, sanitized] = mutant.body ? withAll : asTheyAre;
  await plain.ready();
  const [quick, slow] = halves(plain.programs);
  /** @type {(() => Promise<Outcome>)[]} */
  const attempts = [
    () => outcomeWith(plain, quick, mutant, place),
    async () => ((await code.isSame(mutant, place)) ? 'same' : 'survived'),
    () => outcomeWith(plain, slow, mutant, place),
  ];
  if (sanitized) {
    attempts.push(async () => {
      await sanitized.ready();
      return outcomeWith(sanitized, sanitized.programs, mutant, place);
    });
  }
  const restore = write(mutant, place);
  try {
    for (const attempt of attempts) {
      const outcome = await attempt();
      if (outcome !== 'survived') return outcome;
    }
    return 'survived';
  } finally {
    restore();
  }
}

/** @param {Programs} programs @param {Program[]} some of them @returns {Promise<Outcome>} */
async function outcomeWith(programs, some, mutant, place) {
  const ordered = order.of(mutant, some);
  const killer = mutant.body
    ? await programs.killSelected(mutant, ordered)
    : await programs.killWritten(mutant, ordered, place);
  if (killer === 'invalid') return 'invalid';
  if (!killer) return 'survived';
  order.note(mutant, killer);
  return 'killed';
}

/** The programs that take less than a quarter of what the longest does, and the others. */
function halves(programs) {
  const longest = Math.max(...programs.map(({ took }) => took));
  const isQuick = ({ took }) => took < longest / 4;
  return [programs.filter(isQuick), programs.filter((program) => !isQuick(program))];
}

/** @type {Map<Mutant, Outcome>} */
const outcomes = new Map();
const places = Array.from({ length: jobs }, (_, worker) => workplace(`worker-${worker}`));
await inParallel(jobs, chosen, async (mutant, worker) => {
  const skipped = listed.has(mutant) && !options.listed;
  const outcome = skipped ? 'listed' : await outcomeOf(mutant, places[worker]);
  outcomes.set(mutant, outcome);
  if (outcome === 'survived' && !listed.has(mutant)) console.log(`survives: ${line(mutant)}`);
  if (outcomes.size % 100 === 0) console.error(`${outcomes.size} of ${chosen.length}`);
});

/** @param {Outcome} outcome @returns {Mutant[]} */
const those = (outcome) => chosen.filter((mutant) => outcomes.get(mutant) === outcome);

const survivors = those('survived').filter((mutant) => !listed.has(mutant));
for (const mutant of those('killed').filter((each) => listed.has(each))) {
  console.log(`listed as equivalent, but killed: ${line(mutant)}`);
}
for (const entry of list.stale) console.log(`listed, but no mutant: ${entry}`);

const killed = those('killed').length;
const score = killed / (killed + survivors.length || 1);
console.log(
  `${chosen.length} mutants: ${killed} killed, ${survivors.length} survive, ` +
    `${chosen.filter((mutant) => listed.has(mutant)).length} listed as equivalent, ` +
    `${those('same').length} with the same instructions, ${those('invalid').length} do not compile`,
);
const minutes = (performance.now() - start) / 60_000;
console.log(`score ${(100 * score).toFixed(1)} % in ${minutes.toFixed(1)} minutes`);
if (score < SCORE_LEAST || list.stale.length) process.exitCode = 1;

/** The page: runs the frames, measures them, and shows what was measured. */
import { Chart } from './chart.js';
import { chunkCount, MemoryMap } from './map.js';
import { Renderer } from './renderer.js';
import { Scene } from './scene.js';
import { Statistics } from './statistics.js';
import { ArenaStorage, PlainStorage } from './storage.js';
import { offerTheme } from './theme.js';

const MIB = 2 ** 20;
const MOST_PARTICLES = 500_000;
/** Frames that a mode has before it is the other one's turn. */
const TURN = 100;
/** Frames after a switch that are not counted: caches and compilers get used to it. */
const WARM_UP = 20;
/** How often numbers are shown, in ms: often enough to follow, seldom enough to read. */
const SHOW_EVERY = 250;
/** Growths that are listed. */
const LISTED = 4;

const PATTERNS = {
  steady: () => 1,
  pulsing: (step) => 0.6 + 0.4 * Math.sin(step / 40),
  spiky: (step) => (step % 90 < 4 ? 1 : 0.2 + (0.6 * (step % 1800)) / 1800),
};

const element = (id) => document.getElementById(id);
const integer = new Intl.NumberFormat('en');
const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

const scene = new Scene(MOST_PARTICLES);
const settings = { mode: 'alternate', pattern: 'steady', particles: 100_000, reserve: 16 * MIB };
const modes = {
  arena: { storage: new ArenaStorage(settings.reserve), statistics: new Statistics() },
  plain: { storage: new PlainStorage(), statistics: new Statistics() },
};
const chart = new Chart(element('chart'));
const map = new MemoryMap(element('map'));
const renderer = makeRenderer();

let running = !reducedMotion.matches;
let mode = 'arena';
let step = 0;
let sinceSwitch = 0;
let shown = 0;
let growths = [];

offerTheme(element('theme'), () => {
  chart.redraw();
  map.show(modes.arena.storage);
});
listen();
showPlaying();
drawStill();
show();
if (running) requestAnimationFrame(tick);

function tick() {
  if (!running) return;
  requestAnimationFrame(tick);
  if (settings.mode === 'alternate' && sinceSwitch === TURN) switchTo(other(mode));
  const start = performance.now();
  drawFrame();
  const end = performance.now();
  const hasGrown = noteGrowth();
  chart.add(end - start, mode === 'arena', hasGrown);
  if (sinceSwitch++ >= WARM_UP) modes[mode].statistics.add(end - start);
  step++;
  if (end - shown > SHOW_EVERY) {
    shown = end;
    show();
  }
}

function drawFrame() {
  buildFrame(modes[mode].storage, step);
  renderer?.draw(scene.vertices, scene.order, scene.seen);
}

function buildFrame(storage, at) {
  scene.frame(storage, particlesAt(at), at, renderer?.aspect ?? 4 / 3);
}

/** Builds a frame with the positions of the one before, whatever the storage built last. */
function buildAlone(storage) {
  storage.forget();
  buildFrame(storage, step - 1);
  buildFrame(storage, step);
}

/** The picture once more, in another size or with other particles, while time stands still. */
function drawStill() {
  buildAlone(modes[mode].storage);
  renderer?.draw(scene.vertices, scene.order, scene.seen);
  noteGrowth();
}

function particlesAt(at) {
  return Math.round(settings.particles * PATTERNS[settings.pattern](at));
}

function other(name) {
  return name === 'arena' ? 'plain' : 'arena';
}

function switchTo(name) {
  mode = name;
  sinceSwitch = 0;
  modes[name].storage.forget();
}

/** Whether the last frame made the memory grow. */
function noteGrowth() {
  const { memory } = modes.arena.storage;
  const last = growths[0];
  if (memory.generation === (last?.generation ?? 0)) return false;
  const { size, reserve } = memory.stats();
  const growth = { step, from: last?.to ?? reserve, to: size, generation: memory.generation };
  growths = [growth, ...growths];
  return true;
}

/* ---- what the reader does ---- */

function listen() {
  element('play').addEventListener('click', () => {
    running = !running;
    showPlaying();
    if (running) requestAnimationFrame(tick);
  });
  onChoice('mode', (value) => {
    settings.mode = value;
    if (value !== 'alternate') switchTo(value);
    if (!running) drawStill();
    say(`Arrays of a frame: ${value === 'alternate' ? 'both modes in turn' : value}`);
  });
  onChoice('pattern', (value) => change({ pattern: value }));
  onSlide('particles', integer.format, (particles) => change({ particles }));
  onSlide('reserve', toReserve, (exponent) => {
    settings.reserve = MIB * 2 ** exponent;
    modes.arena.storage.free();
    modes.arena.storage = new ArenaStorage(settings.reserve);
    growths = [];
    change({});
  });
  element('compare').addEventListener('click', compare);
  if (renderer) {
    new ResizeObserver(() => {
      renderer.resize();
      if (!running) drawStill();
    }).observe(renderer.canvas);
  }
  new ResizeObserver(() => map.show(modes.arena.storage)).observe(map.canvas);
}

function onChoice(name, change) {
  for (const input of document.querySelectorAll(`input[name=${name}]`)) {
    input.addEventListener('change', () => change(input.value));
  }
}

/** The value is shown while the slider moves, and taken when it has come to rest. */
function onSlide(id, format, take) {
  const input = element(id);
  const showValue = () => {
    const text = format(Number(input.value));
    element(`${id}-value`).value = text;
    input.setAttribute('aria-valuetext', text);
  };
  input.addEventListener('input', showValue);
  input.addEventListener('change', () => take(Number(input.value)));
  showValue();
}

/** Another scene: what was measured on the last one says nothing about it. */
function change(changes) {
  Object.assign(settings, changes);
  for (const { statistics } of Object.values(modes)) statistics.clear();
  for (const cell of document.querySelectorAll('[data-cell]')) cell.textContent = '–';
  sinceSwitch = 0;
  element('checksum').textContent = 'Are the vertices of both modes the same?';
  if (running) return;
  drawStill();
  show();
}

/** Builds the same frame in both modes. */
function compare() {
  const sums = ['arena', 'plain'].map((name) => {
    buildAlone(modes[name].storage);
    return scene.checksum().toString(16).padStart(8, '0');
  });
  const isSame = sums[0] === sums[1];
  const text = isSame
    ? `The same ${integer.format(scene.seen)} vertices, checksum ${sums[0]}`
    : `Not the same: checksums ${sums.join(' and ')}`;
  element('checksum').textContent = text;
  say(text);
  sinceSwitch = 0;
  drawStill();
}

/* ---- what is shown ---- */

function makeRenderer() {
  try {
    return new Renderer(element('scene'));
  } catch {
    const message = element('scene-error');
    message.textContent = 'This browser has no WebGL 2: frames are built and measured, not drawn.';
    message.hidden = false;
    return undefined;
  }
}

function showPlaying() {
  element('play').textContent = running ? 'Pause' : 'Play';
}

/** For those who do not see the page: only what they asked for, and what interrupts. */
function say(text) {
  element('status').textContent = text;
}

function show() {
  const summaries = {
    arena: modes.arena.statistics.summary(),
    plain: modes.plain.statistics.summary(),
  };
  chart.show({ arena: summaries.arena.median, plain: summaries.plain.median });
  showTable(summaries);
  showMemory(modes.arena.storage);
  map.show(modes.arena.storage);
  const all = integer.format(particlesAt(step));
  const seen = integer.format(scene.seen);
  setText(element('scene-text'), `${all} particles, ${seen} in the picture, ${mode} arrays`);
}

function showTable(summaries) {
  for (const [column, name] of ['arena', 'plain'].entries()) {
    const summary = summaries[name];
    const { made, garbage } = modes[name].storage;
    if (!summary.frames) continue;
    const cells = {
      median: milliseconds(summary.median),
      p95: milliseconds(summary.p95),
      p99: milliseconds(summary.p99),
      long: summary.long ? `${summary.long}, +${summary.pause.toFixed(1)} ms` : '0',
      made: integer.format(made),
      garbage: bytes(garbage),
    };
    for (const [key, text] of Object.entries(cells)) setCell('cell', key, column, text);
  }
}

function showMemory(storage) {
  const { size, reserve, frontier, live, free, grows } = storage.memory.stats();
  const numbers = { size, 'reserve-bytes': reserve, frontier, live, free, freed: storage.freed };
  for (const [id, number] of Object.entries(numbers)) setText(element(id), bytes(number));
  storage.rings.forEach((ring, column) => {
    const { arena, scratch } = ring;
    if (!arena) return;
    const cells = {
      base: integer.format(arena.base),
      used: bytes(arena.used),
      highWater: bytes(arena.highWater),
      capacity: bytes(arena.capacity),
      scratch: bytes(scratch),
      chunks: integer.format(chunkCount(ring)),
    };
    for (const [key, text] of Object.entries(cells)) {
      setCell('arena', key, column, text);
    }
  });
  const times = grows ? `${grows} ×, generation ${storage.memory.generation}` : 'none';
  if (setText(element('grows'), times)) showGrowths();
}

function showGrowths() {
  const lines = growths.slice(0, LISTED).map(({ step: at, from, to }) => {
    const item = document.createElement('li');
    item.textContent = `Frame ${integer.format(at)}: ${bytes(from)} → ${bytes(to)}, begun again`;
    return item;
  });
  if (!lines.length) {
    const item = document.createElement('li');
    item.textContent = 'The reserve has sufficed. Add particles, or take a smaller reserve.';
    lines.push(item);
  }
  element('growth').replaceChildren(...lines);
}

/** Says something in a column of a table. */
function setCell(table, key, column, text) {
  setText(document.querySelectorAll(`[data-${table}=${key}]`)[column], text);
}

/** @returns {boolean} whether it was another text before */
function setText(target, text) {
  if (target.textContent === text) return false;
  target.textContent = text;
  return true;
}

function toReserve(exponent) {
  return `${2 ** exponent} MiB`;
}

function milliseconds(time) {
  return `${time.toFixed(2)} ms`;
}

function bytes(number) {
  if (number < 1024) return `${number} B`;
  return number < MIB ? `${(number / 1024).toFixed(1)} KiB` : `${(number / MIB).toFixed(2)} MiB`;
}

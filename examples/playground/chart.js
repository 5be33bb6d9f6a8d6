/** The times of the last frames, with the modes that they ran in. */
import Plot from 'uplot';
import { LONG } from './statistics.js';
import { colour } from './theme.js';

/** Frames that are shown. */
const FRAMES = 480;
const HEIGHT = 190;
/** What is longer than so many medians leaves the chart: a first frame that is compiled, for one. */
const MEDIANS = 8;
const LEAST_TOP = 4;
const FONT = '12px system-ui, sans-serif';

export class Chart {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.times = new Float64Array(FRAMES);
    this.isArena = new Uint8Array(FRAMES);
    this.hasGrown = new Uint8Array(FRAMES);
    this.next = 0;
    this.top = LEAST_TOP;
    /* Filled anew each time, not made anew: the chart is to leave little garbage itself. */
    const row = () => new Array(FRAMES).fill(null);
    this.data = [Array.from({ length: FRAMES }, (_, i) => i + 1 - FRAMES), row(), row(), row()];
    this.plot = new Plot(this.options(element.clientWidth), this.data, element);
    new ResizeObserver(() => {
      this.plot.setSize({ width: element.clientWidth, height: HEIGHT });
    }).observe(element);
  }

  options(width) {
    const line = (name) => ({ stroke: () => colour(name), width: 1.5, points: { show: false } });
    const axis = {
      stroke: () => colour('quiet'),
      grid: { stroke: () => colour('grid'), width: 1 },
      ticks: { show: false },
      font: FONT,
    };
    const points = { show: true, size: 7, fill: () => colour('pause') };
    return {
      width,
      height: HEIGHT,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: () => [0, this.top] } },
      axes: [
        { ...axis, size: 24, values: (_, frames) => frames.map(describeFrame) },
        { ...axis, size: 50, values: (_, times) => times.map((time) => `${time} ms`) },
      ],
      series: [
        {},
        line('arena'),
        line('plain'),
        { stroke: () => colour('pause'), paths: () => null, points },
      ],
      hooks: { drawAxes: [() => this.drawGrowth()] },
    };
  }

  /**
   * @param {number} time ms
   * @param {boolean} isArena
   * @param {boolean} hasGrown
   */
  add(time, isArena, hasGrown) {
    this.times[this.next] = time;
    this.isArena[this.next] = +isArena;
    this.hasGrown[this.next] = +hasGrown;
    this.next = (this.next + 1) % FRAMES;
  }

  /** @param {{ arena: number, plain: number }} medians */
  show(medians) {
    const [, arena, plain, long] = this.data;
    for (let i = 0; i < FRAMES; i++) {
      const at = (this.next + i) % FRAMES;
      const time = this.times[at] || null;
      const isArena = this.isArena[at] === 1;
      arena[i] = isArena ? time : null;
      plain[i] = isArena ? null : time;
      long[i] = time > LONG * (isArena ? medians.arena : medians.plain) ? time : null;
    }
    const most = MEDIANS * Math.max(medians.arena || 0, medians.plain || 0);
    const longest = this.times.reduce((a, b) => Math.max(a, b));
    this.top = Math.max(LEAST_TOP, Math.min(most || longest, 1.1 * longest));
    for (let i = 0; i < FRAMES; i++) if (long[i] > this.top) long[i] = this.top;
    this.plot.setData(this.data);
  }

  drawGrowth() {
    const { ctx, bbox } = this.plot;
    ctx.save();
    ctx.strokeStyle = colour('quiet');
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    for (let i = 0; i < FRAMES; i++) {
      if (!this.hasGrown[(this.next + i) % FRAMES]) continue;
      const x = this.plot.valToPos(i + 1 - FRAMES, 'x', true);
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.restore();
  }

  /** In the colours of the theme that is on now. */
  redraw() {
    this.plot.redraw();
  }
}

const describeFrame = (frame) => (frame ? `${frame}`.replace('-', '−') : 'now');

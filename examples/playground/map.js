/**
 * A picture of linear memory, from what arenas and their memory tell everybody. Where a chunk ends
 * they do not tell: `base` and `capacity` say it of an arena that has one, and the offsets of a
 * frame's views show where another one began.
 */
import { colour } from './theme.js';

const FONT = '12px system-ui, sans-serif';
const LANE = { y: 24, height: 46 };
const SCOPES = { y: 74, height: 7 };
const LABEL_ABOVE = 14;
const LABEL_BELOW = 104;
/** What lies between two blocks of a chunk at most: padding. */
const MOST_PADDING = 16;
const ARENAS = ['first', 'second'];
/** How strong an arena's colour is where it has only room, and where it has given blocks back. */
const ROOM = 0.22;
const RELEASED = 0.5;

export class MemoryMap {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
  }

  /** @param {import('./storage.js').ArenaStorage} storage */
  show(storage) {
    const { canvas, context } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (canvas.width !== Math.round(width * devicePixelRatio)) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = FONT;
    context.lineWidth = 1;

    const { size, reserve, frontier } = storage.memory.stats();
    this.width = width;
    this.scale = width / size;
    this.drawUnused(frontier, size);
    this.drawFree(frontier);
    storage.rings.forEach((ring, i) => ring.arena && this.drawArena(ring, colour(ARENAS[i])));
    this.drawLabel(reserve, 'reserve', LABEL_ABOVE, LANE.y - 4, LANE.y + LANE.height);
    this.drawLabel(frontier, 'frontier', LABEL_BELOW, LANE.y, LABEL_BELOW - 12);
  }

  drawUnused(frontier, size) {
    const { context } = this;
    context.strokeStyle = colour('control');
    context.setLineDash([3, 3]);
    this.outline(frontier, size);
    context.setLineDash([]);
  }

  /** All below the frontier; arenas are drawn over it. */
  drawFree(frontier) {
    const { context } = this;
    const end = frontier * this.scale;
    context.save();
    context.beginPath();
    context.rect(0, LANE.y, end, LANE.height);
    context.clip();
    context.strokeStyle = colour('control');
    context.beginPath();
    for (let x = -LANE.height; x < end; x += 6) {
      context.moveTo(x, LANE.y + LANE.height);
      context.lineTo(x + LANE.height, LANE.y);
    }
    context.stroke();
    context.restore();
  }

  drawArena(ring, tint) {
    const { context } = this;
    const { arena, marked, scratch } = ring;
    for (const { start, end, blocks } of chunksOf(ring)) {
      this.fill(start, end, colour('panel'));
      context.globalAlpha = ROOM;
      this.fill(start, end, tint);
      context.globalAlpha = 1;
      for (const block of blocks) {
        context.globalAlpha = block.start < arena.base + arena.used ? 1 : RELEASED;
        this.fill(block.start, block.end, tint, 1);
      }
      context.globalAlpha = 1;
      context.strokeStyle = tint;
      this.outline(start, end);
    }
    if (chunkCount(ring) > 1) return;
    const { base, highWater } = arena;
    this.fill(base + highWater, base + highWater, colour('text'));
    if (scratch) this.drawScope(base + marked, base + marked + scratch, tint);
  }

  drawScope(start, end, tint) {
    const { context, scale } = this;
    context.strokeStyle = tint;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(start * scale + 1, SCOPES.y);
    context.lineTo(start * scale + 1, SCOPES.y + SCOPES.height);
    context.lineTo(end * scale - 1, SCOPES.y + SCOPES.height);
    context.lineTo(end * scale - 1, SCOPES.y);
    context.stroke();
    context.lineWidth = 1;
  }

  /** A line at an offset, and its name beside it, on the side where there is room. */
  drawLabel(offset, name, textY, top, bottom) {
    const { context } = this;
    const x = Math.min(this.width - 1, Math.max(1, offset * this.scale));
    context.fillStyle = colour('text');
    context.fillRect(x - 1, top, 2, bottom - top);
    const isLeft = x > this.width / 2;
    context.textAlign = isLeft ? 'right' : 'left';
    context.fillText(name, x + (isLeft ? 1 : -1), textY);
  }

  /** A block at least as wide as can be seen. */
  fill(start, end, tint, gap = 0) {
    const { context, scale } = this;
    context.fillStyle = tint;
    context.fillRect(start * scale, LANE.y, Math.max(2, (end - start) * scale - gap), LANE.height);
  }

  outline(start, end) {
    const { scale } = this;
    const width = Math.max(1, (end - start) * scale - 1);
    this.context.strokeRect(start * scale + 0.5, LANE.y + 0.5, width, LANE.height - 1);
  }
}

/** How many chunks the arena's last frame took blocks from. */
export const chunkCount = (ring) => chunksOf(ring).length;

/**
 * The chunks that the arena's last frame took blocks from, with those blocks.
 *
 * @param {ArenaStorage['rings'][0]} ring
 */
function chunksOf({ arena, views, length }) {
  const chunks = [];
  for (const { byteOffset: start, byteLength } of views.slice(0, length)) {
    const end = start + byteLength;
    let chunk = chunks.find((other) => start >= other.start && start <= other.end + MOST_PADDING);
    if (!chunk) chunks.push((chunk = { start, end, blocks: [] }));
    chunk.end = Math.max(chunk.end, end);
    chunk.blocks.push({ start, end });
  }
  if (chunks.length === 1) chunks[0].end = Math.max(chunks[0].end, arena.base + arena.capacity);
  return chunks;
}

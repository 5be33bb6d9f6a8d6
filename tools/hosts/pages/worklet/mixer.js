/* global AudioWorkletProcessor, registerProcessor */
import { Arena } from 'wasm-arena';
import { FixedBuffer } from 'wasm-arena/allocators';

const RARE = ['atob', 'TextEncoder', 'TextDecoder', 'performance', 'queueMicrotask', 'setTimeout'];

/** Adds its inputs up, each at its gain, in scratch memory that each block has anew. */
class Mixer extends AudioWorkletProcessor {
  constructor({ processorOptions: { gains, blocks } }) {
    super();
    this.gains = gains;
    this.blocks = blocks;
    this.arena = new Arena({ on: new FixedBuffer({ size: 4096 }) });
    this.views = new Set();
  }

  process(inputs, [[output]]) {
    this.arena.reset();
    const mix = this.arena.float32(output.length).fill(0);
    inputs.forEach(([input], n) => {
      for (let i = 0; i < mix.length; i++) mix[i] += input[i] * this.gains[n];
    });
    output.set(mix);
    this.views.add(mix);
    if (--this.blocks === 0) this.report();
    return true;
  }

  report() {
    const lacks = RARE.filter((name) => !(name in globalThis));
    this.port.postMessage({ views: this.views.size, lacks });
  }
}

registerProcessor('mixer', Mixer);

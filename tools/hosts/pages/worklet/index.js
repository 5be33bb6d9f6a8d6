/* global AudioBufferSourceNode, AudioWorkletNode, OfflineAudioContext */
const BLOCK = 128;
const BLOCKS = 100;
const LENGTH = BLOCK * BLOCKS;
const RATE = 48_000;
const GAINS = [0.6, 0.3];

const sine = Float32Array.from({ length: LENGTH }, (_, i) =>
  Math.sin((i * 440 * 2 * Math.PI) / RATE),
);
const saw = Float32Array.from({ length: LENGTH }, (_, i) => (((i * 55) / RATE) % 1) * 2 - 1);

globalThis.outcome = render();

/** What the mixer makes of both waves, held against the same sums in a plain array. */
async function render() {
  const context = new OfflineAudioContext(1, LENGTH, RATE);
  await context.audioWorklet.addModule('mixer.js');
  const mixer = new AudioWorkletNode(context, 'mixer', {
    numberOfInputs: 2,
    processorOptions: { gains: GAINS, blocks: BLOCKS },
  });
  const report = new Promise((resolve, reject) => {
    mixer.port.onmessage = ({ data }) => resolve(data);
    mixer.onprocessorerror = ({ message }) => reject(new Error(message));
  });
  mixer.connect(context.destination);
  [sine, saw].forEach((wave, input) => play(wave).connect(mixer, 0, input));
  const rendered = await context.startRendering();
  const samples = rendered.getChannelData(0);
  const wrong = mixed().filter((sample, i) => sample !== samples[i]).length;
  const silent = samples.every((sample) => sample === 0);
  return { samples: samples.length, wrong, silent, ...(await report) };

  function play(wave) {
    const buffer = context.createBuffer(1, LENGTH, RATE);
    buffer.copyToChannel(wave, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.start();
    return source;
  }
}

function mixed() {
  const mix = new Float32Array(LENGTH);
  [sine, saw].forEach((wave, n) => wave.forEach((sample, i) => (mix[i] += sample * GAINS[n])));
  return mix;
}

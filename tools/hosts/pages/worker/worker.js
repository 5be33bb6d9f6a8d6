/* global postMessage */
import { Arena } from 'wasm-arena';
import { Heap } from 'wasm-arena/allocators';

const bytes = new Arena({ on: new Heap() }).utf8('grün').slice();
postMessage({ bytes, carried: bytes.buffer.byteLength });

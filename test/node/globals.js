/**
 * Preloaded by the second run of `npm run coverage`: takes away each optional global that the engine
 * has, and gives a stand-in for each that it lacks, so that both branches are run in every engine.
 */
const TypedArray = Object.getPrototypeOf(Uint8Array);
const { prototype } = WebAssembly.Memory;

if (Symbol.dispose) takeDispose();
else Object.defineProperty(Symbol, 'dispose', { value: Symbol('Symbol.dispose') });

if (globalThis.Float16Array) delete globalThis.Float16Array;
else globalThis.Float16Array = standInForFloat16Array();

if (prototype.toResizableBuffer) delete prototype.toResizableBuffer;
else prototype.toResizableBuffer = standInForToResizableBuffer;

/** Another `Symbol` without it: in Node.js 20 the property cannot be deleted. */
function takeDispose() {
  const rest = Object.getOwnPropertyDescriptors(Symbol);
  delete rest.dispose;
  const Native = Symbol;
  globalThis.Symbol = Object.defineProperties((description) => Native(description), rest);
}

/** An array of 2-byte elements that says that it is a Float16Array; its numbers are integers. */
function standInForFloat16Array() {
  function Float16Array(...args) {
    return Reflect.construct(Uint16Array, args, new.target);
  }
  Object.setPrototypeOf(Float16Array, TypedArray);
  Object.setPrototypeOf(Float16Array.prototype, TypedArray.prototype);
  for (const it of [Float16Array, Float16Array.prototype]) {
    Object.defineProperty(it, 'BYTES_PER_ELEMENT', { value: 2 });
  }
  const { get } = Object.getOwnPropertyDescriptor(TypedArray.prototype, Symbol.toStringTag);
  Object.defineProperty(TypedArray.prototype, Symbol.toStringTag, {
    get() {
      return this instanceof Float16Array ? 'Float16Array' : get.call(this);
    },
  });
  return Float16Array;
}

/** The buffer says that it is resizable; growth detaches it all the same. */
function standInForToResizableBuffer() {
  const { buffer } = this;
  Object.defineProperty(buffer, 'resizable', { value: true });
  return buffer;
}

/** What a page downloads. */
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { moduleBytes } from '../../js/wasm.js';

const index = fileURLToPath(new URL('../../js/index.js', import.meta.url));

export function wasmModule() {
  return { value: moduleBytes().length, unit: 'bytes' };
}

/** What `import { Arena }` costs: minified by esbuild, compressed by Brotli, the module included. */
export async function bundle() {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    stdin: { contents: `export { Arena } from ${JSON.stringify(index)}`, resolveDir: '.' },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
  });
  return { value: brotliCompressSync(outputFiles[0].contents).length, unit: 'bytes' };
}

/** Preloaded by the workers of the mutation pass, and by the processes that their tests start. */
import { register } from 'node:module';

const root = new URL('../../', import.meta.url).href;
const mutants = new URL('build/mutation/mutants/', root).href;
register('./js-hooks.js', import.meta.url, { data: { root, mutants } });

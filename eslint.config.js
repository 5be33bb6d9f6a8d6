import js from '@eslint/js';
import globals from 'globals';

export default [
  {
    ignores: [
      'js/wasm.js',
      'js/allocators_wasm.js',
      'build/',
      'coverage/',
      'types/',
      '**/node_modules/',
    ],
  },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  // The library touches nothing that not every host has: what it needs beyond the language is here.
  {
    files: ['js/**'],
    languageOptions: {
      globals: { ...globals.builtin, WebAssembly: 'readonly', console: 'readonly' },
    },
  },
  {
    files: ['js/node.js', 'js/request-*.js', 'js/response-*.js'],
    languageOptions: { globals: globals.nodeBuiltin },
  },
  {
    files: ['test/**', 'bench/**', 'examples/**', 'scripts/**', 'tools/**'],
    languageOptions: { globals: { ...globals.node, ...globals.mocha } },
  },
  {
    files: ['examples/playground/**', 'test/browser/**', 'tools/browsers/**'],
    languageOptions: { globals: { ...globals.browser } },
  },
];

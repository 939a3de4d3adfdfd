// What `npm run lint` checks: every JavaScript file of the repository, as ES modules, for browsers, workers and Node.
import js from '@eslint/js';
import globals from 'globals';

export default [
  {
    // libdirectsockets.js has Emscripten's macros in it ({{{ }}}, #if) and parses only after its preprocessor.
    ignores: ['**/target/', 'node_modules/', 'emscripten-lib/libdirectsockets.js'],
  },
  js.configs.recommended,
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      ecmaVersion: 'latest',
      sourceType: 'module',
      globals: { ...globals.browser, ...globals.worker, ...globals.node, UDPSocket: 'readonly', TCPSocket: 'readonly', TCPServerSocket: 'readonly' },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-unused-vars': ['error', { args: 'after-used', argsIgnorePattern: '^_', caughtErrors: 'none' }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
];

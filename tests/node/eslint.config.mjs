// The explorer's modules. Names and types are checked by tsc.

import js from '@eslint/js';

const markup = 'data is inserted as text';
const storage = 'nothing is stored';

export default [
  { ignores: ['**/vendor/**'] },
  js.configs.recommended,
  {
    rules: {
      'no-undef': 'off',
      curly: ['error', 'multi-line'],
      eqeqeq: 'error',
      'max-lines': ['error', 320],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: markup },
        { property: 'outerHTML', message: markup },
        { property: 'insertAdjacentHTML', message: markup },
      ],
      'no-restricted-globals': [
        'error',
        { name: 'localStorage', message: storage },
        { name: 'sessionStorage', message: storage },
      ],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
];

// Bundles the library that the explorer's layout uses into one file, which is kept in git and served as it is.
// `node vendor.mjs FILE` writes it to FILE; `make vendor` says which.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = 'forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY';
const { version } = JSON.parse(readFileSync(`${folder}/node_modules/d3-force/package.json`, 'utf8'));
const licence = readFileSync(`${folder}/node_modules/d3-force/LICENSE`, 'utf8').trim();

await build({
  stdin: { contents: `export { ${names} } from 'd3-force';`, resolveDir: folder },
  banner: { js: `/*! d3-force ${version} with d3-dispatch, d3-quadtree and d3-timer\n\n${licence}\n*/` },
  bundle: true,
  charset: 'utf8',
  format: 'esm',
  minify: true,
  outfile: process.argv[2],
  target: 'es2022',
});

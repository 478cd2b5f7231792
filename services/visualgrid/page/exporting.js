/** Taking the graph away: as JSON, CSV or GraphML from VisualGrid, or as a picture of the canvas. */

/** @import { Explorer } from './explorer.js' */

import { call } from './api.js';
import { NODES_MAX } from './model.js';

const DEPTH = 2;
/** Seconds for which the browser may fetch a download. */
const DOWNLOAD_SECONDS = 60;

/**
 * Save an export around the selected node, or around the first one.
 * @param {Explorer} explorer
 * @param {'json' | 'csv' | 'graphml'} format
 */
export async function saveExport(explorer, format) {
  const node = explorer.graph.selection ?? explorer.graph.shown()[0];
  if (!node) return explorer.work.say('There is nothing to export: open a record first');
  const body = { ...node.ref, format, depth: DEPTH, max_nodes: NODES_MAX };
  const made = await explorer.work.attempt(() => call('node/export', body), node.service);
  if (!made) return;
  const text = typeof made.content === 'string' ? made.content : JSON.stringify(made.content);
  download(made.filename, new Blob([text], { type: made.content_type }));
  const cut = made.truncated ? '; it was cut at its bounds' : '';
  explorer.work.say(`Exported ${made.nodes} nodes and ${made.links} links around ${node.label}${cut}`);
}

/**
 * Save a picture of the canvas.
 * @param {Explorer} explorer
 * @param {HTMLCanvasElement} canvas
 */
export function savePicture(explorer, canvas) {
  canvas.toBlob((blob) => {
    if (!blob) return explorer.work.say('The picture could not be made');
    download('visualgrid.png', blob);
    explorer.work.say('Saved a picture of the canvas');
  });
}

/**
 * @param {string} name
 * @param {Blob} blob
 */
function download(name, blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_SECONDS * 1000);
}

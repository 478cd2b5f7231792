/** Taking the graph away: exactly what the canvas shows, as JSON, CSV or GraphML, or as a picture. */

/** @import { Explorer } from './explorer.js' */
/** @import { Format } from './formats.js' */

import { WRITERS } from './formats.js';

const NAME = 'visualgrid';
/** Seconds for which the browser may fetch a download. */
const DOWNLOAD_SECONDS = 60;

/**
 * Save the nodes and links that are shown.
 * @param {Explorer} explorer
 * @param {Format} format
 */
export function saveExport({ graph, work }, format) {
  const [nodes, links] = [graph.shown(), graph.shownLinks()];
  if (nodes.length === 0) return work.say('There is nothing to export: open a record first');
  const { type, write } = WRITERS[format];
  download(`${NAME}.${format}`, new Blob([write(nodes, links)], { type }));
  const hidden = graph.nodes.size - nodes.length;
  const note = hidden > 0 ? `; ${hidden} hidden nodes are left out` : '';
  work.say(`Exported ${nodes.length} nodes and ${links.length} links${note}`);
}

/**
 * Save a picture of the canvas.
 * @param {Explorer} explorer
 * @param {HTMLCanvasElement} canvas
 */
export function savePicture(explorer, canvas) {
  canvas.toBlob((blob) => {
    if (!blob) return explorer.work.say('The picture could not be made');
    download(`${NAME}.png`, blob);
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

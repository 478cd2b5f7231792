/** Copying the selected node's id, its keys, or a curl command that loads it; the token's place stays empty. */

/** @import { GraphNode } from './model.js' */

import { idIn } from './loading.js';

/** @param {GraphNode} node */
export function idText({ ref }) {
  return idIn(ref.sk);
}

/** @param {GraphNode} node */
export function keysText({ ref }) {
  return `${ref.pk} ${ref.sk}`;
}

/**
 * @param {GraphNode} node
 * @param {string} origin
 */
export function curlText({ ref }, origin) {
  const body = JSON.stringify(ref).replaceAll("'", "'\\''");
  return `curl -H 'content-type: application/json' -H 'x-vg-token: ' -d '${body}' ${origin}/visualgrid/node/load`;
}

/**
 * Put a text on the clipboard. Returns whether that was allowed.
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Reads a listing to its end, as far as the canvas has room. */

/** @import { ChildrenPage, Node } from './types.js' */

import { call } from './api.js';
import { idOf, NODES_MAX, refOf } from './model.js';

/** Records of a large page. */
export const PAGE = 256;

/**
 * Every node of a listing, page by page, up to what the canvas holds.
 * @param {Record<string, unknown>} body
 * @returns {Promise<{nodes: Node[], complete: boolean, unavailable: string[]}>}
 */
export async function listAll(body) {
  /** @type {Map<string, Node>} */
  const nodes = new Map();
  /** @type {string | null} */
  let next_token = null;
  /** @type {Set<string>} */
  const unavailable = new Set();
  do {
    /** @type {ChildrenPage} */
    const page = await call('node/children', { ...body, limit: PAGE, next_token });
    for (const { node } of page.items) nodes.set(idOf(refOf(node)), node);
    for (const service of page.unavailable) unavailable.add(service);
    next_token = page.next_token;
  } while (next_token !== null && nodes.size < NODES_MAX);
  return { nodes: [...nodes.values()], complete: next_token === null, unavailable: [...unavailable] };
}

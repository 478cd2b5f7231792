/** The life of a record: the records within two hops, and what their histories tell. */

/** @import { ChildrenPage, HistoryItem } from './types.js' */
/** @import { Graph, GraphNode } from './model.js' */
/** @import { Moment } from './moments.js' */

import { call, Refused } from './api.js';

const HOPS = 2;
const NEIGHBOURS_MAX = 256;
const RECORDS_MAX = 200;
const AT_ONCE = 6;
const HISTORY_ITEMS = 256;

/**
 * @typedef {{moments: Moment[], histories: Map<string, HistoryItem[]>, complete: boolean}} Told
 * the moments, the histories by node, newest first, and whether nothing is missing
 */

/**
 * The records within two hops, which are added to the graph. Hubs end a walk, since everything meets there.
 * @param {Graph} graph
 * @param {GraphNode} start
 * @returns {Promise<{nodes: GraphNode[], complete: boolean}>}
 */
export async function recordsAround(graph, start) {
  const nodes = new Map([[start.id, start]]);
  let level = [start];
  let complete = true;
  for (let hop = 0; hop < HOPS; hop += 1) {
    /** @type {GraphNode[]} */
    const next = [];
    const pages = await inTurn(level, (node) => call('node/children', { ...node.ref, limit: NEIGHBOURS_MAX }));
    pages.forEach((/** @type {ChildrenPage} */ page, place) => {
      const found = taken(graph, level[place], page);
      complete &&= found.complete && page.next_token === null && page.unavailable.length === 0;
      for (const node of found.nodes.filter((each) => !nodes.has(each.id))) {
        if (nodes.size >= RECORDS_MAX) complete = false;
        else {
          nodes.set(node.id, node);
          next.push(node);
        }
      }
    });
    level = next.filter((node) => !isHub(node)).sort((left, right) => Number(isShared(left)) - Number(isShared(right)));
  }
  return { nodes: [...nodes.values()].filter((node) => !isHub(node)), complete };
}

/**
 * The nodes of a page, once they are on the canvas as far as it has room.
 * @param {Graph} graph
 * @param {GraphNode | undefined} near
 * @param {ChildrenPage} page
 */
function taken(graph, near, page) {
  if (!near) return { nodes: [], complete: true };
  graph.addChildren(near.id, page.items);
  const nodes = page.items.map((item) => graph.add(item.node, near.id));
  return { nodes: nodes.filter((node) => node !== null), complete: !nodes.includes(null) };
}

/**
 * What the histories of records tell.
 * @param {GraphNode[]} nodes
 * @returns {Promise<Told>}
 */
export async function historiesOf(nodes) {
  const pages = await inTurn(nodes, historyOf);
  /** @type {Map<string, HistoryItem[]>} */
  const histories = new Map();
  /** @type {Moment[]} */
  const moments = [];
  pages.forEach((page, place) => {
    const node = nodes[place];
    if (!node || !page) return;
    histories.set(node.id, page.items);
    for (const { at_utc: at, action } of page.items) {
      const { service, id, kind, label } = node;
      moments.push({ at, service, node: id, label: `${kind} ${label}`, action });
    }
  });
  return { moments, histories, complete: pages.every((page) => page !== null && !page.has_more) };
}

/**
 * The newest history of a record; null where its service is down.
 * @param {GraphNode} node
 */
async function historyOf(node) {
  try {
    return await call('node/history', { ...node.ref, limit: HISTORY_ITEMS });
  } catch (failure) {
    if (failure instanceof Refused && failure.status === 503 && !failure.maintenance) return null;
    throw failure;
  }
}

/**
 * Ask something of each node, a few at a time; the answers in the order of the nodes.
 * @template T
 * @param {GraphNode[]} nodes
 * @param {(node: GraphNode) => Promise<T>} ask
 * @returns {Promise<T[]>}
 */
async function inTurn(nodes, ask) {
  /** @type {T[]} */
  const answers = [];
  for (let start = 0; start < nodes.length; start += AT_ONCE) {
    answers.push(...(await Promise.all(nodes.slice(start, start + AT_ONCE).map(ask))));
  }
  return answers;
}

/**
 * Whether records of many orders meet at it: its own neighbours come last, so that they crowd out no others.
 * @param {GraphNode} node
 */
function isShared(node) {
  return node.kind === 'balance';
}

/** @param {GraphNode} node */
function isHub(node) {
  return node.service === 'stack';
}

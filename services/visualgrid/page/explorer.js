/** What can be done with the graph: open, find, expand, collapse, undo. Asks VisualGrid, changes the graph, says so. */

/** @import { ChildrenPage, EdgeCount, Node, Ref } from './types.js' */
/** @import { Graph, GraphNode } from './model.js' */
/** @import { Work } from './work.js' */

import { call } from './api.js';
import { countText, edgeKey, idOf, NODES_MAX } from './model.js';

export const STEP = 25;
const PAGE = 256;
const AT_ONCE = 6;

/** The explorer of a graph. */
export class Explorer {
  graph;
  work;
  #pending;
  #settled;

  /**
   * @param {Graph} graph
   * @param {Work} work
   * @param {(id: string, on: boolean) => void} pending told which node waits for an answer
   * @param {() => void} settled told when nodes came or went, so that they can be laid out
   */
  constructor(graph, work, pending, settled) {
    this.graph = graph;
    this.work = work;
    this.#pending = pending;
    this.#settled = settled;
  }

  /**
   * Put records on the canvas and select the first.
   * @param {Node[]} nodes
   */
  put(nodes) {
    this.graph.remember();
    let first = null;
    let full = false;
    for (const node of nodes) {
      const added = this.graph.add(node);
      if (added === null) full = true;
      first ??= added;
    }
    if (first) this.graph.selected = first.id;
    this.#changed(nodes.length);
    this.work.say(full ? fullText() : '');
    return first;
  }

  /**
   * Load a record or hub and put it on the canvas.
   * @param {Ref} ref
   */
  async open(ref) {
    const answer = await this.work.attempt(() => call('node/load', ref), ref.table);
    return answer ? this.put([answer.node]) : null;
  }

  /**
   * The edges of a node with their counts, asked for once.
   * @param {GraphNode} node
   * @returns {Promise<EdgeCount[] | undefined>}
   */
  async edges(node) {
    const known = this.graph.expanded.get(node.id);
    if (known) return known.edges;
    const page = await this.#ask(node, { limit: 1 });
    return page?.edges;
  }

  /**
   * Show the next records of each edge.
   * @param {GraphNode} node
   */
  async expand(node) {
    const edges = await this.edges(node);
    if (!edges) return;
    this.graph.remember();
    const expansion = this.#expansion(node, edges);
    const due = edges.filter((edge) => edge.approximate_count > 0 && expansion.tokens.get(edgeKey(edge)) !== null);
    const before = this.graph.nodes.size;
    let full = false;
    for (let start = 0; start < due.length; start += AT_ONCE) {
      const parts = due.slice(start, start + AT_ONCE).map((edge) => this.#more(node, edge, STEP));
      full = (await Promise.all(parts)).includes('full') || full;
    }
    this.#changed(this.graph.nodes.size - before);
    this.work.say(full ? fullText() : this.#shownText(node, edges));
  }

  /**
   * Show the next records of one edge.
   * @param {GraphNode} node
   * @param {EdgeCount} edge
   */
  async expandEdge(node, edge) {
    const edges = await this.edges(node);
    if (!edges) return;
    this.graph.remember();
    this.#expansion(node, edges);
    const before = this.graph.nodes.size;
    const outcome = await this.#more(node, edge, STEP);
    this.#changed(this.graph.nodes.size - before);
    this.work.say(outcome === 'full' ? fullText() : this.#shownText(node, [edge]));
  }

  /**
   * Show every edge to its end, as far as the canvas has room.
   * @param {GraphNode} node
   */
  async expandAll(node) {
    const edges = await this.edges(node);
    if (!edges) return;
    this.graph.remember();
    const expansion = this.#expansion(node, edges);
    const before = this.graph.nodes.size;
    let full = false;
    for (const edge of edges.filter((each) => each.approximate_count > 0)) {
      while (!full && expansion.tokens.get(edgeKey(edge)) !== null) {
        const outcome = await this.#more(node, edge, PAGE);
        if (outcome === 'failed') return this.#changed(this.graph.nodes.size - before);
        full = outcome === 'full';
      }
    }
    this.#changed(this.graph.nodes.size - before);
    this.work.say(full ? fullText() : `Everything around ${node.label} is shown`);
  }

  /** @param {GraphNode} node */
  collapse(node) {
    this.graph.remember();
    const gone = this.graph.collapse(node.id);
    this.work.say(`Collapsed: ${gone} nodes taken away`);
  }

  /** Go back one step. */
  undo() {
    this.work.say(this.graph.undo() ? 'Undone' : 'There is nothing to undo');
  }

  /**
   * One more page of an edge.
   * @param {GraphNode} node
   * @param {EdgeCount} edge
   * @param {number} limit
   * @returns {Promise<'more' | 'full' | 'failed'>}
   */
  async #more(node, edge, limit) {
    const tokens = this.graph.expanded.get(node.id)?.tokens;
    const { edge: name, direction, entity_type } = edge;
    const next_token = tokens?.get(edgeKey(edge)) ?? null;
    const page = await this.#ask(node, { edge: name, direction, entity_type, limit, next_token });
    if (!page) return 'failed';
    const { full } = this.graph.addChildren(node.id, page.items);
    if (!full) tokens?.set(edgeKey(edge), page.next_token);
    return full ? 'full' : 'more';
  }

  /**
   * @param {GraphNode} node
   * @param {Record<string, unknown>} body
   * @returns {Promise<ChildrenPage | undefined>}
   */
  async #ask(node, body) {
    this.#pending(node.id, true);
    try {
      return await this.work.attempt(() => call('node/children', { ...node.ref, ...body }), node.service);
    } finally {
      this.#pending(node.id, false);
    }
  }

  /**
   * @param {GraphNode} node
   * @param {EdgeCount[]} edges
   */
  #expansion(node, edges) {
    const known = this.graph.expanded.get(node.id) ?? { edges, tokens: new Map() };
    this.graph.expanded.set(node.id, known);
    return known;
  }

  /**
   * @param {GraphNode} node
   * @param {EdgeCount[]} edges
   */
  #shownText(node, edges) {
    const parts = edges
      .filter((edge) => edge.approximate_count > 0)
      .map((edge) => `${edge.entity_type} ${this.graph.shownOf(node.id, edge)} of ${countText(edge.approximate_count)}`);
    return parts.length > 0 ? `Shown around ${node.label}: ${parts.join(', ')}` : `${node.label} has no neighbours`;
  }

  /** @param {number} added */
  #changed(added) {
    this.graph.changed();
    if (added > 0) this.#settled();
  }
}

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
    for (const { node } of page.items) {
      nodes.set(idOf({ table: node.metadata.table, pk: node.ddb_keys.PK ?? '', sk: node.ddb_keys.SK ?? '' }), node);
    }
    for (const service of page.unavailable) unavailable.add(service);
    next_token = page.next_token;
  } while (next_token !== null && nodes.size < NODES_MAX);
  return { nodes: [...nodes.values()], complete: next_token === null, unavailable: [...unavailable] };
}

function fullText() {
  return `The canvas is full: it holds ${NODES_MAX} nodes, and more were found`;
}

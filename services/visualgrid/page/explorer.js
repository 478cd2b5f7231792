/** What can be done with the graph: open, find, expand, collapse, undo. Asks VisualGrid, changes the graph, says so. */

/** @import { Step } from './address.js' */
/** @import { Catalogue } from './catalogue.js' */
/** @import { ChildrenPage, EdgeCount, Node, Ref } from './types.js' */
/** @import { Graph, GraphNode } from './model.js' */
/** @import { Work } from './work.js' */

import { call, Refused } from './api.js';
import { loaded, serviceOf } from './loading.js';
import { PAGE } from './listing.js';
import { countText, edgeKey, NODES_MAX, STEP } from './model.js';

const AT_ONCE = 6;

/** The explorer of a graph. */
export class Explorer {
  graph;
  work;
  catalogue;
  #pending;
  #settled;

  /**
   * @param {Graph} graph
   * @param {Work} work
   * @param {Catalogue} catalogue
   * @param {(id: string, on: boolean) => void} pending told which node waits for an answer
   * @param {() => void} settled told when nodes came or went, so that they can be laid out
   */
  constructor(graph, work, catalogue, pending, settled) {
    this.graph = graph;
    this.work = work;
    this.catalogue = catalogue;
    this.#pending = pending;
    this.#settled = settled;
  }

  /**
   * Put records on the canvas and select the first.
   * @param {Node[]} nodes
   * @param {boolean} deleted whether they are gone, and only their histories remain
   */
  put(nodes, deleted = false) {
    this.graph.remember();
    let first = null;
    let full = false;
    for (const node of nodes) {
      const added = this.graph.add(node, null, deleted);
      if (added === null) full = true;
      first ??= added;
    }
    if (first) this.graph.selected = first.id;
    this.#changed(nodes.length);
    this.work.say(full ? fullText() : '');
    return first;
  }

  /**
   * Load a record or hub and put it on the canvas. Gives null where nothing has these keys, undefined after a failure.
   * @param {Ref} ref
   */
  async open(ref) {
    const found = await this.work.attempt(() => loaded(ref, this.catalogue), serviceOf(ref.table));
    if (!found) return found;
    const node = this.put([found.node], found.deleted);
    if (found.deleted) this.work.say(deletedText(found.node.metadata.label));
    return node;
  }

  /**
   * The edges of a node with their counts: asked for once, and again when a service that did not count is back.
   * @param {GraphNode} node
   * @returns {Promise<EdgeCount[] | undefined>}
   */
  async edges(node) {
    return (await this.#counted(node))?.edges;
  }

  /**
   * @param {GraphNode} node
   * @returns {Promise<{edges: EdgeCount[], unavailable: string[]} | undefined>}
   */
  async #counted(node) {
    if (node.deleted) return { edges: [], unavailable: [] };
    const known = this.graph.expanded.get(node.id);
    if (known?.unavailable.every((service) => this.graph.down.has(service))) return known;
    const page = await this.#ask(node, { limit: 1 });
    if (page && known) Object.assign(known, { edges: page.edges, unavailable: page.unavailable });
    return page;
  }

  /**
   * Show the next records of each edge.
   * @param {GraphNode} node
   */
  async expand(node) {
    const expansion = await this.#begin(node);
    if (!expansion) return;
    const { edges } = expansion;
    const due = edges.filter((edge) => edge.approximate_count > 0 && !isAtEnd(expansion, edge));
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
    if (!(await this.#begin(node))) return;
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
    const expansion = await this.#begin(node);
    if (!expansion) return;
    const before = this.graph.nodes.size;
    let full = false;
    for (const edge of expansion.edges.filter((each) => each.approximate_count > 0)) {
      while (!full && !isAtEnd(expansion, edge)) {
        const outcome = await this.#more(node, edge, PAGE);
        if (outcome === 'failed') return this.#changed(this.graph.nodes.size - before);
        if (outcome === 'late') break;
        full = outcome === 'full';
      }
    }
    this.#changed(this.graph.nodes.size - before);
    const whole = expansion.unavailable.length === 0;
    const text = whole ? `Everything around ${node.label} is shown` : this.#shownText(node, expansion.edges);
    this.work.say(full ? fullText() : text);
  }

  /**
   * Expand a node as an address says: each edge as far as it was followed.
   * @param {GraphNode} node
   * @param {Step[]} steps
   */
  async expandAs(node, steps) {
    if (steps.length === 0) return this.expand(node);
    const expansion = await this.#begin(node);
    if (!expansion) return;
    for (const { edge: key, taken } of steps) {
      const edge = expansion.edges.find((each) => edgeKey(each) === key);
      for (let left = taken; edge && left > 0 && !isAtEnd(expansion, edge); left -= PAGE) {
        if ((await this.#more(node, edge, Math.min(PAGE, left))) !== 'more') break;
      }
    }
    this.#changed(1);
  }

  /** @param {GraphNode} node */
  collapse(node) {
    this.graph.remember();
    const gone = this.graph.collapse(node.id);
    this.work.say(`Collapsed: ${gone} nodes taken away`);
  }

  /** Nodes were added by somebody else: show them, and lay them out. */
  laidOut() {
    this.#changed(1);
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
   * @returns {Promise<'more' | 'full' | 'late' | 'failed'>} late: a service did not answer, so the page is still to come
   */
  async #more(node, edge, limit) {
    const expansion = this.graph.expanded.get(node.id);
    const followed = expansion?.followed;
    const { edge: name, direction, entity_type } = edge;
    const { token: next_token, taken } = followed?.get(edgeKey(edge)) ?? { token: null, taken: 0 };
    const page = await this.#ask(node, { edge: name, direction, entity_type, limit, next_token });
    if (!page) return 'failed';
    if (page.unavailable.length > 0 && page.items.length === 0) {
      if (expansion) expansion.unavailable = page.unavailable;
      return 'late';
    }
    const { full } = this.graph.addChildren(node.id, page.items);
    if (!full) followed?.set(edgeKey(edge), { token: page.next_token, taken: taken + page.items.length });
    return full ? 'full' : 'more';
  }

  /**
   * @param {GraphNode} node
   * @param {Record<string, unknown>} body
   * @returns {Promise<ChildrenPage | undefined>}
   */
  async #ask(node, body) {
    const page = await this.work.attempt(() => this.#pulsing(node, body), node.service);
    if (page === null) this.#lose(node);
    return page ?? undefined;
  }

  /**
   * A page of neighbours, while whose answer is awaited the node pulses.
   * @param {GraphNode} node
   * @param {Record<string, unknown>} body
   */
  async #pulsing(node, body) {
    this.#pending(node.id, true);
    try {
      return await unlessGone(node, body);
    } finally {
      this.#pending(node.id, false);
    }
  }

  /**
   * A record on the canvas was deleted meanwhile.
   * @param {GraphNode} node
   */
  #lose(node) {
    node.deleted = true;
    this.graph.changed();
    this.work.say(deletedText(node.label));
  }

  /**
   * Begin to expand a node: one step to undo. Gives undefined where its edges cannot be had.
   * @param {GraphNode} node
   */
  async #begin(node) {
    const counted = await this.#counted(node);
    if (!counted) return undefined;
    this.graph.remember();
    const { edges, unavailable } = counted;
    const known = this.graph.expanded.get(node.id) ?? { edges, unavailable, followed: new Map() };
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
    const absent = this.graph.expanded.get(node.id)?.unavailable ?? [];
    const missing = absent.length > 0 ? `; ${absent.join(', ')} did not answer` : '';
    const shown = parts.length > 0 ? `Shown around ${node.label}: ${parts.join(', ')}` : `${node.label} has no neighbours`;
    return shown + missing;
  }

  /** @param {number} added */
  #changed(added) {
    this.graph.changed();
    if (added > 0) this.#settled();
  }
}

/**
 * Whether all records of an edge have been asked for.
 * @param {import('./model.js').Expansion} expansion
 * @param {EdgeCount} edge
 */
export function isAtEnd({ followed }, edge) {
  return followed.get(edgeKey(edge))?.token === null;
}

/**
 * A page of neighbours, or null if the record is not there any more.
 * @param {GraphNode} node
 * @param {Record<string, unknown>} body
 * @returns {Promise<ChildrenPage | null>}
 */
async function unlessGone(node, body) {
  try {
    return await call('node/children', { ...node.ref, ...body });
  } catch (failure) {
    if (failure instanceof Refused && failure.status === 404) return null;
    throw failure;
  }
}

/** @param {string} label */
function deletedText(label) {
  return `${label} was deleted; its history remains`;
}

function fullText() {
  return `The canvas is full: it holds ${NODES_MAX} nodes, and more were found`;
}

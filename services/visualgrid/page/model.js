/** The graph on the canvas: nodes, links, what is expanded, what is selected, and the way back. */

/** @import { Child, EdgeCount, Link, Node, Ref } from './types.js' */

export const NODES_MAX = 2000;
export const COUNT_MAX = 257;
/** Records of each edge that one expansion brings. */
export const STEP = 25;
const UNDO_STEPS_MAX = 50;

/**
 * @typedef {object} GraphNode
 * @property {string} id
 * @property {Ref} ref
 * @property {string} kind
 * @property {string} service
 * @property {string} label
 * @property {Node} node
 * @property {number} x
 * @property {number} y
 * @property {boolean} placed by a person; the layout leaves it where it is
 * @property {boolean} deleted its record is gone, its history is not
 * @property {string | null} by the node whose expansion added it; null for one that was opened by itself
 *
 * @typedef {{id: string, edge: string, from: string, to: string}} GraphLink
 * @typedef {{token: string | null, taken: number}} Followed
 * where an edge goes on (null: nowhere), and how many records it has brought
 * @typedef {{edges: EdgeCount[], unavailable: string[], followed: Map<string, Followed>}} Expansion
 * the edges with their counts, the services that did not count, and the edges that were followed
 *
 * @typedef {{nodes: Map<string, GraphNode>, links: Map<string, GraphLink>, expanded: Map<string, Expansion>,
 *   selected: string | null}} Snapshot
 */

/**
 * The id of a node, as in exports.
 * @param {Ref} ref
 */
export function idOf(ref) {
  return `${ref.table}|${ref.pk}|${ref.sk}`;
}

/**
 * @param {Node} node
 * @returns {Ref}
 */
export function refOf(node) {
  return { table: node.metadata.table, pk: node.ddb_keys.PK ?? '', sk: node.ddb_keys.SK ?? '' };
}

/**
 * What tells an edge of a record from its others.
 * @param {{edge: string, direction: string, entity_type: string}} edge
 */
export function edgeKey(edge) {
  return `${edge.direction} ${edge.edge} ${edge.entity_type}`;
}

/**
 * A count in words: counts stop at 257.
 * @param {number} count
 */
export function countText(count) {
  return count >= COUNT_MAX ? '256+' : String(count);
}

/** The graph. Whoever shows it subscribes, and is told after each change. */
export class Graph {
  /** @type {Map<string, GraphNode>} */
  nodes = new Map();
  /** @type {Map<string, GraphLink>} */
  links = new Map();
  /** @type {Map<string, Expansion>} */
  expanded = new Map();
  /** @type {string | null} */
  selected = null;
  /**
   * Kinds that the legend hides.
   * @type {Set<string>}
   */
  hidden = new Set();
  /**
   * Services that are down.
   * @type {ReadonlySet<string>}
   */
  down = new Set();
  /**
   * Only what was there at this time is shown.
   * @type {string | null}
   */
  asOf = null;
  /**
   * Fields of records as they were at that time, by node, as far as they are known.
   * @type {ReadonlyMap<string, Record<string, unknown>>}
   */
  past = new Map();
  /** @type {Snapshot[]} */
  #before = [];
  /** @type {Set<() => void>} */
  #subscribers = new Set();

  /** @param {() => void} subscriber */
  subscribe(subscriber) {
    this.#subscribers.add(subscriber);
  }

  /** Tell everybody who shows the graph. */
  changed() {
    for (const subscriber of this.#subscribers) subscriber();
  }

  /** Whether there is a step to undo. */
  get canUndo() {
    return this.#before.length > 0;
  }

  /** The nodes that are shown, in the order in which they came. */
  shown() {
    return [...this.nodes.values()].filter((node) => this.isShown(node));
  }

  /** @param {GraphNode} node */
  isShown(node) {
    return !this.hidden.has(node.kind) && (this.asOf === null || createdOf(node) <= this.asOf);
  }

  /** The links with both ends shown. */
  shownLinks() {
    return [...this.links.values()].filter((link) => {
      const [from, to] = [this.nodes.get(link.from), this.nodes.get(link.to)];
      return from !== undefined && to !== undefined && this.isShown(from) && this.isShown(to);
    });
  }

  /**
   * Whether a service at one of its ends is down.
   * @param {GraphLink} link
   */
  isCut(link) {
    return [link.from, link.to].some((id) => this.down.has(this.nodes.get(id)?.service ?? ''));
  }

  /** Keep the present state as one step to come back to. */
  remember() {
    this.#before.push({
      nodes: new Map(this.nodes),
      links: new Map(this.links),
      expanded: new Map([...this.expanded].map(([id, each]) => [id, { ...each, followed: new Map(each.followed) }])),
      selected: this.selected,
    });
    if (this.#before.length > UNDO_STEPS_MAX) this.#before.shift();
  }

  /** Go back one step; places stay. Returns whether there was one. */
  undo() {
    const before = this.#before.pop();
    if (before === undefined) return false;
    this.nodes = before.nodes;
    this.links = before.links;
    this.expanded = before.expanded;
    this.selected = before.selected;
    this.changed();
    return true;
  }

  /**
   * Add a record, or take its newer state. Returns null where the canvas is full.
   * @param {Node} node
   * @param {string | null} by
   * @param {boolean} deleted
   * @returns {GraphNode | null}
   */
  add(node, by = null, deleted = false) {
    const ref = refOf(node);
    const id = idOf(ref);
    const known = this.nodes.get(id);
    if (known) {
      Object.assign(known, { node, label: node.metadata.label, deleted });
      return known;
    }
    if (this.nodes.size >= NODES_MAX) return null;
    const { x, y } = placeNear(this.nodes.get(by ?? ''), this.nodes.size);
    const { entity_type: kind, service_code: service, label } = node.metadata;
    const made = { id, ref, kind, service, label, node, x, y, placed: false, deleted, by };
    this.nodes.set(id, made);
    return made;
  }

  /** @param {Link} link */
  connect(link) {
    const [from, to] = [idOf(link.from), idOf(link.to)];
    if (!this.nodes.has(from) || !this.nodes.has(to)) return;
    const id = `${link.edge}>${from}>${to}`;
    if (!this.links.has(id)) this.links.set(id, { id, edge: link.edge, from, to });
  }

  /**
   * Add what an expansion of a node found. Returns how many nodes are new, and whether some found no room.
   * @param {string} by
   * @param {Child[]} children
   */
  addChildren(by, children) {
    const before = this.nodes.size;
    let full = false;
    for (const child of children) {
      if (this.add(child.node, by) === null) full = true;
      else if (child.link) this.connect(child.link);
    }
    return { added: this.nodes.size - before, full };
  }

  /**
   * How many neighbours of a node by one edge are on the canvas.
   * @param {string} id
   * @param {EdgeCount} edge
   */
  shownOf(id, edge) {
    let count = 0;
    for (const link of this.links.values()) {
      const [near, far] = edge.direction === 'out' ? [link.from, link.to] : [link.to, link.from];
      if (near === id && link.edge === edge.edge && this.nodes.get(far)?.kind === edge.entity_type) count += 1;
    }
    return count;
  }

  /**
   * Take away what the expansion of a node added, and what its additions added.
   * @param {string} id
   */
  collapse(id) {
    /** @type {Map<string, string[]>} */
    const added = new Map();
    for (const node of this.nodes.values()) {
      if (node.by !== null) added.set(node.by, [...(added.get(node.by) ?? []), node.id]);
    }
    const gone = new Set();
    const waiting = [...(added.get(id) ?? [])];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next === id || gone.has(next)) continue;
      gone.add(next);
      waiting.push(...(added.get(next) ?? []));
    }
    this.#remove(gone);
    this.expanded.delete(id);
    this.changed();
    return gone.size;
  }

  /** @param {Set<string>} gone */
  #remove(gone) {
    for (const id of gone) {
      this.nodes.delete(id);
      this.expanded.delete(id);
    }
    for (const link of [...this.links.values()]) {
      if (gone.has(link.from) || gone.has(link.to)) this.links.delete(link.id);
    }
    if (this.selected !== null && gone.has(this.selected)) this.selected = null;
  }

  /** @param {string | null} id */
  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.changed();
  }

  /** The selected node. */
  get selection() {
    return this.selected === null ? null : (this.nodes.get(this.selected) ?? null);
  }
}

/**
 * When a record was made, as far as it says so; empty for one that does not, which is then always shown.
 * @param {GraphNode} node
 */
function createdOf(node) {
  const { created_utc: created, recorded_utc: recorded } = node.node.properties;
  return String(created ?? recorded ?? '');
}

/**
 * Where a new node stands until the layout has found a better place: on a spiral around the node that brought it.
 * @param {GraphNode | undefined} parent
 * @param {number} number
 */
function placeNear(parent, number) {
  const angle = number * 2.399963;
  const radius = parent ? 60 + 6 * Math.sqrt(number) : 40 * Math.sqrt(number);
  return { x: (parent?.x ?? 0) + radius * Math.cos(angle), y: (parent?.y ?? 0) + radius * Math.sin(angle) };
}

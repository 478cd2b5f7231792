/** Runs the layout worker, and moves the nodes that nobody has placed to where it says. */

/** @import { Graph } from './model.js' */

import { reducedMotion } from './dom.js';

/** The layout of one graph. */
export class Layout {
  #graph;
  #moved;
  #busy;
  #run = 0;
  #worker = new Worker(new URL('./layout-worker.js', import.meta.url), { type: 'module' });
  /**
   * Nodes held by a pointer.
   * @type {string | null}
   */
  held = null;

  /**
   * @param {Graph} graph
   * @param {() => void} moved told when nodes have moved
   * @param {(on: boolean) => void} busy told when a layout begins and ends
   */
  constructor(graph, moved, busy) {
    this.#busy = busy;
    this.#graph = graph;
    this.#moved = moved;
    this.#worker.onmessage = ({ data }) => this.#take(data);
  }

  /** Lay the graph out from where its nodes are. A newer run replaces an older one. */
  run() {
    this.#run += 1;
    const nodes = this.#graph.shown().map(({ id, x, y, placed }) => ({
      ...{ id, x, y },
      ...(placed ? { fx: x, fy: y } : {}),
    }));
    const links = this.#graph.shownLinks().map(({ from, to }) => ({ source: from, target: to }));
    if (nodes.length < 2) return;
    this.#busy(true);
    this.#worker.postMessage({ run: this.#run, nodes, links });
  }

  /** @param {{run: number, done: boolean, places: {id: string, x: number, y: number}[]}} news */
  #take({ run, done, places }) {
    if (run !== this.#run) return;
    if (!done && reducedMotion()) return;
    for (const { id, x, y } of places) {
      const node = this.#graph.nodes.get(id);
      if (node && !node.placed && id !== this.held) Object.assign(node, { x, y });
    }
    this.#moved();
    if (done) this.#busy(false);
  }
}

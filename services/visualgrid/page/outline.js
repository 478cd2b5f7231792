/** The tree "Graph": the same nodes as on the canvas, for a screen reader and the keyboard. */

/** @import { Graph, GraphNode } from './model.js' */

import { byId } from './dom.js';
import { Tree } from './tree.js';

/**
 * @typedef {object} Actions
 * @property {(node: GraphNode) => void} select
 * @property {(node: GraphNode) => void} expand
 * @property {(node: GraphNode) => void} collapse
 * @property {(node: GraphNode) => void} details
 */

/** The outline of a graph. */
export class Outline {
  #tree;
  #graph;

  /**
   * @param {Graph} graph
   * @param {Actions} actions
   */
  constructor(graph, actions) {
    this.#graph = graph;
    /** @param {string} key @param {(node: GraphNode) => void} action */
    const on = (key, action) => {
      const node = graph.nodes.get(key);
      if (node) action(node);
    };
    this.#tree = new Tree(byId('outline'), {
      activate: (key, typed) => {
        on(key, actions.select);
        if (typed) on(key, actions.details);
      },
      moved: (key) => on(key, actions.select),
      toggle: (key, open) => on(key, open ? actions.expand : actions.collapse),
    });
    graph.subscribe(() => this.render());
  }

  /** Show the graph as it is. */
  render() {
    const { expanded, selected } = this.#graph;
    this.#tree.show(
      this.#graph.shown().map((node) => ({
        key: node.id,
        text: `${node.kind} ${node.label}`,
        level: 1,
        expanded: expanded.has(node.id),
        selected: node.id === selected,
        grey: this.#graph.down.has(node.service),
        about: node.deleted ? 'deleted' : undefined,
      })),
    );
    if (selected !== null) this.#tree.point(selected);
  }
}

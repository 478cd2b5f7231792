/** Which services are down. Noticed by an answer, and looked at until all are back. */

/** @import { ServiceTables } from './types.js' */
/** @import { Graph } from './model.js' */
/** @import { Tables } from './tables.js' */

import { call, onOutage, Refused } from './api.js';

const LOOK_AGAIN_MILLISECONDS = 5000;

/** The services: keeps the tree of tables and the graph told. */
export class Services {
  #graph;
  #tables;
  /** @type {number | undefined} */
  #timer;
  #looking = false;

  /**
   * @param {Graph} graph
   * @param {Tables} tables
   */
  constructor(graph, tables) {
    this.#graph = graph;
    this.#tables = tables;
    onOutage(() => void this.#look());
  }

  /**
   * Load the services and show them.
   * @returns {Promise<ServiceTables[]>}
   */
  async load() {
    /** @type {ServiceTables[]} */
    const services = (await call('root/graph')).services;
    this.#tables.show(services);
    const down = services.filter(({ available }) => !available).map(({ service_code: service }) => service);
    clearTimeout(this.#timer);
    if (down.length > 0) this.#lookLater();
    if (down.join() !== [...this.#graph.down].join()) {
      this.#graph.down = new Set(down);
      this.#graph.changed();
    }
    return services;
  }

  #lookLater() {
    this.#timer = setTimeout(() => void this.#look(), LOOK_AGAIN_MILLISECONDS);
  }

  async #look() {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.load();
    } catch (failure) {
      // Whoever works with the page is told when they ask for something themselves.
      if (!(failure instanceof Refused)) throw failure;
      if (this.#graph.down.size > 0) this.#lookLater();
    } finally {
      this.#looking = false;
    }
  }
}

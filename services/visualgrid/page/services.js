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
  #lookedAt = 0;
  #looked;

  /**
   * @param {Graph} graph
   * @param {Tables} tables
   * @param {(services: ServiceTables[]) => void} looked told what was found when the services were looked at again
   */
  constructor(graph, tables, looked) {
    this.#graph = graph;
    this.#tables = tables;
    this.#looked = looked;
    onOutage(() => this.#notice());
  }

  /**
   * Load the services and show them.
   * @returns {Promise<ServiceTables[]>}
   */
  async load() {
    this.#lookedAt = Date.now();
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

  /** An answer showed an outage: look at once, but not more often than while one lasts. */
  #notice() {
    if (Date.now() - this.#lookedAt >= LOOK_AGAIN_MILLISECONDS) void this.#look();
    else this.#lookLater();
  }

  #lookLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), LOOK_AGAIN_MILLISECONDS);
  }

  async #look() {
    if (this.#looking) return;
    this.#looking = true;
    try {
      this.#looked(await this.load());
    } catch (failure) {
      // Whoever works with the page is told when they ask for something themselves.
      if (!(failure instanceof Refused)) throw failure;
      if (this.#graph.down.size > 0) this.#lookLater();
    } finally {
      this.#looking = false;
    }
  }
}

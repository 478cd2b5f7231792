/** The tree "Tables": services, and below each its tables with their counts. */

/** @import { ServiceTables } from './types.js' */

import { byId } from './dom.js';
import { Tree } from './tree.js';

/** The tree of tables. */
export class Tables {
  #tree;
  /** @type {ServiceTables[]} */
  #services = [];
  /**
   * Services whose tables are folded away.
   * @type {Set<string>}
   */
  #folded = new Set();
  #open = '';

  /** @param {(table: string) => void} open */
  constructor(open) {
    this.#tree = new Tree(byId('tables'), {
      activate: (key) => {
        if (this.#isService(key)) this.#toggle(key, this.#folded.has(key));
        else open(key);
      },
      toggle: (key, on) => {
        if (this.#isService(key)) this.#toggle(key, on);
        else if (on) open(key);
      },
    });
  }

  /** @param {ServiceTables[]} services */
  show(services) {
    this.#services = services;
    this.#render();
  }

  /** @param {string} table */
  mark(table) {
    this.#open = table;
    this.#render();
  }

  /** @param {string} key */
  #isService(key) {
    return this.#services.some((service) => service.service_code === key);
  }

  /**
   * @param {string} service
   * @param {boolean} open
   */
  #toggle(service, open) {
    if (open) this.#folded.delete(service);
    else this.#folded.add(service);
    this.#render();
  }

  #render() {
    this.#tree.show(
      this.#services.flatMap(({ service_code: service, available, tables }) => {
        const open = !this.#folded.has(service);
        const count = tables.reduce((sum, table) => sum + table.approximate_count, 0);
        const state = available ? String(count) : 'not available';
        const head = { key: service, text: `${service} ${state}`, level: 1, grey: !available };
        return [
          tables.length > 0 ? { ...head, expanded: open } : head,
          ...(open ? tables.map((table) => this.#itemOf(table.table, table.approximate_count, table.available)) : []),
        ];
      }),
    );
  }

  /**
   * @param {string} table
   * @param {number} count
   * @param {boolean} available
   */
  #itemOf(table, count, available) {
    const text = available ? `${table} ${count}` : `${table} ${count}, not available`;
    return { key: table, text, level: 2, grey: !available, selected: table === this.#open };
  }
}

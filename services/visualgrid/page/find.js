/** The search box: an id, keys, a trace or an operation. */

/** @import { EntityType, Node } from './types.js' */
/** @import { Explorer } from './explorer.js' */
/** @import { Records } from './records.js' */

import { call, Refused } from './api.js';
import { byIdOf } from './dom.js';
import { listAll } from './explorer.js';
import { queryOf, refsOf } from './query.js';

/** The search. */
export class Find {
  #box = byIdOf('find', HTMLInputElement);
  #explorer;
  #records;
  /** @type {EntityType[]} */
  kinds = [];

  /**
   * @param {Explorer} explorer
   * @param {Records} records
   */
  constructor(explorer, records) {
    this.#explorer = explorer;
    this.#records = records;
    byIdOf('find-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.find(this.#box.value);
    });
    this.#box.addEventListener('keydown', (event) => {
      if (event.key === '/' && this.#box.value === '') event.preventDefault();
    });
  }

  focus() {
    this.#box.focus();
    this.#box.select();
  }

  /**
   * Find what a text names, and show it.
   * @param {string} text
   */
  async find(text) {
    const query = queryOf(text);
    if (!query) return;
    if (query.kind === 'keys') return this.#byKeys(text, refsOf(query, this.kinds));
    for (const filter of query.filters) {
      const found = await this.#explorer.work.attempt(() => listAll({ table: '*', filter }), 'every service');
      if (!found) return;
      if (found.nodes.length > 0) return this.#show(filter, found);
      if (found.unavailable.length > 0) {
        return this.#say(`Nothing found, but ${found.unavailable.join(', ')} did not answer`);
      }
    }
    this.#say(`Nothing found for ${text.trim()}`);
  }

  /**
   * @param {string} text
   * @param {import('./types.js').Ref[]} refs
   */
  async #byKeys(text, refs) {
    for (const ref of refs) {
      const node = await this.#explorer.work.attempt(() => loaded(ref), ref.table);
      if (node === undefined) return;
      if (node !== null) return void this.#explorer.put([node]);
    }
    this.#say(`Nothing found for ${text.trim()}`);
  }

  /**
   * @param {string} filter
   * @param {{nodes: Node[], complete: boolean, unavailable: string[]}} found
   */
  #show(filter, { nodes, complete, unavailable }) {
    const sorted = filter.startsWith('id:') ? nodes : [...nodes].sort(byTime);
    this.#explorer.put(sorted);
    const missing = unavailable.length > 0 ? `; ${unavailable.join(', ')} did not answer` : '';
    const count = `${nodes.length} ${nodes.length === 1 ? 'record' : 'records'} found`;
    if (nodes.length > 1) {
      const note = complete ? `All ${nodes.length} records${missing}` : `The first ${nodes.length} records${missing}`;
      this.#records.showFound(filter, sorted, note);
    }
    this.#say(`${count}${complete ? '' : ', and there are more'}${missing}`);
  }

  /** @param {string} outcome */
  #say(outcome) {
    this.#explorer.work.say(outcome);
  }
}

/**
 * The record, or null if there is none.
 * @param {import('./types.js').Ref} ref
 * @returns {Promise<Node | null>}
 */
async function loaded(ref) {
  try {
    return (await call('node/load', ref)).node;
  } catch (failure) {
    if (failure instanceof Refused && failure.status === 404) return null;
    throw failure;
  }
}

/**
 * @param {Node} left
 * @param {Node} right
 */
function byTime(left, right) {
  return timeOf(left).localeCompare(timeOf(right));
}

/** @param {Node} node */
function timeOf({ properties }) {
  return String(properties.updated_utc ?? properties.recorded_utc ?? properties.created_utc ?? '');
}

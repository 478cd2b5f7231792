/** The search box: an id, keys, a trace or an operation. */

/** @import { KeysQuery } from './query.js' */
/** @import { Node } from './types.js' */
/** @import { Explorer } from './explorer.js' */
/** @import { Records } from './records.js' */

import { byIdOf } from './dom.js';
import { listAll } from './listing.js';
import { queryOf, refsOf } from './query.js';

/** The search. */
export class Find {
  #box = byIdOf('find', HTMLInputElement);
  #explorer;
  #records;

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
    if (query.kind === 'keys') return this.#byKeys(text, query);
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
   * @param {KeysQuery} query
   */
  async #byKeys(text, query) {
    const { catalogue } = this.#explorer;
    await catalogue.known;
    for (const ref of refsOf(query, catalogue.kinds)) if ((await this.#explorer.open(ref)) !== null) return;
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

/** The dialog "Compare": two records, or two moments of one, field by field. */

/** @import { HistoryItem } from './types.js' */
/** @import { Explorer } from './explorer.js' */
/** @import { GraphNode } from './model.js' */

import { call } from './api.js';
import { byId, byIdOf, el } from './dom.js';
import { changesTable } from './history-view.js';
import { asOf, differences } from './moments.js';

const HISTORY_ITEMS = 256;

/** @typedef {{name: string, fields: Record<string, unknown>}} Side */

/** The dialog. */
export class Compare {
  #dialog = byIdOf('compare', HTMLDialogElement);
  #left = byIdOf('compare-left', HTMLSelectElement);
  #right = byIdOf('compare-right', HTMLSelectElement);
  #result = byId('compare-result');
  #explorer;
  /** @type {Side[]} */
  #sides = [];
  #note = '';

  /** @param {Explorer} explorer */
  constructor(explorer) {
    this.#explorer = explorer;
    for (const select of [this.#left, this.#right]) select.addEventListener('change', () => this.#render());
  }

  /**
   * Compare the selected record's moments with one another, or it with another record of its kind.
   * @param {GraphNode} node
   */
  async open(node) {
    const { work, graph } = this.#explorer;
    const body = { ...node.ref, limit: HISTORY_ITEMS };
    const page = await work.attempt(() => call('node/history', body), node.service);
    if (!page) return;
    const others = graph.shown().filter((each) => each.id !== node.id);
    const alike = [...others.filter((each) => each.kind === node.kind), ...others.filter((each) => each.kind !== node.kind)];
    this.#note = page.has_more ? `Only the newest ${HISTORY_ITEMS} moments can be chosen.` : '';
    this.#sides = [
      { name: `${node.kind} ${node.label}, now`, fields: node.node.properties },
      ...momentsOf(node, page.items),
      ...alike.map((each) => ({ name: `${each.kind} ${each.label}`, fields: each.node.properties })),
    ];
    for (const select of [this.#left, this.#right]) {
      select.replaceChildren(...this.#sides.map(({ name }, place) => el('option', { value: place }, name)));
    }
    this.#right.value = '0';
    this.#left.value = this.#sides.length > 1 ? '1' : '0';
    this.#render();
    this.#dialog.showModal();
  }

  #render() {
    const [left, right] = [this.#sides[Number(this.#left.value)], this.#sides[Number(this.#right.value)]];
    if (!left || !right) return;
    const found = differences(left.fields, right.fields);
    const summary = el('p', {}, found.length === 0 ? 'No field differs. ' : `${found.length} fields differ. `, this.#note);
    this.#result.replaceChildren(summary, ...(found.length === 0 ? [] : [changesTable(found)]));
  }
}

/**
 * The states before each change, newest first.
 * @param {GraphNode} node
 * @param {HistoryItem[]} history
 * @returns {Side[]}
 */
function momentsOf(node, history) {
  return history.slice(1).map((item) => ({
    name: `${node.kind} ${node.label}, ${new Date(item.at_utc).toLocaleString()} (${item.action})`,
    fields: asOf(node.node.properties, history, item.at_utc),
  }));
}

/** The history of a record: what changed, field by field, by whom and why. */

/** @import { FieldChange, HistoryItem, HistoryPage } from './types.js' */
/** @import { GraphNode } from './model.js' */
/** @import { Work } from './work.js' */

import { call } from './api.js';
import { button, byId, el } from './dom.js';
import { textOf } from './details.js';

/** The tab "History". */
export class HistoryView {
  #panel = byId('panel-history');
  #work;
  #sameRequest;
  #node = '';

  /**
   * @param {Work} work
   * @param {(trace: string) => void} sameRequest
   */
  constructor(work, sameRequest) {
    this.#work = work;
    this.#sameRequest = sameRequest;
  }

  /** @param {GraphNode} node */
  async show(node) {
    this.#node = node.id;
    const list = el('ul', { 'aria-label': 'History' });
    const more = el('p', {});
    this.#panel.replaceChildren(list, more);
    await this.#load(node, list, more, null);
  }

  /**
   * @param {GraphNode} node
   * @param {HTMLElement} list
   * @param {HTMLElement} more
   * @param {string | null} next_token
   */
  async #load(node, list, more, next_token) {
    /** @type {HistoryPage | undefined} */
    const page = await this.#work.attempt(() => call('node/history', { ...node.ref, next_token }), node.service);
    if (!page || this.#node !== node.id) return;
    list.append(...page.items.map((item) => this.#itemOf(item)));
    const shown = list.childElementCount;
    if (shown === 0) more.textContent = 'This record has no history.';
    else if (page.next_token === null) more.textContent = `All ${shown} changes.`;
    else {
      const next = () => void this.#load(node, list, more, page.next_token);
      more.replaceChildren(`${shown} changes so far. `, button('More history', next));
    }
  }

  /** @param {HistoryItem} item */
  #itemOf(item) {
    const parts = [
      el('time', { datetime: item.at_utc }, new Date(item.at_utc).toLocaleString()),
      ` ${item.action} by ${item.actor ?? 'nobody named'}`,
      ...(item.revision === undefined ? [] : [`, revision ${item.revision}`]),
      ...(item.reason === undefined ? [] : [`: ${item.reason}`]),
    ];
    const made = el('li', {}, el('p', {}, ...parts));
    if (item.changed.length > 0) made.append(changesTable(item.changed));
    const trace = item.trace_id;
    if (trace !== undefined) made.append(button('Same request', () => this.#sameRequest(trace)));
    return made;
  }
}

/** @param {FieldChange[]} changed */
export function changesTable(changed) {
  const rows = changed.map(({ field, before, after }) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, field),
      el('td', {}, textOf(before)),
      el('td', {}, textOf(after)),
    ),
  );
  const head = ['Field', 'Before', 'After'].map((name) => el('th', { scope: 'col' }, name));
  return el('table', {}, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...rows));
}

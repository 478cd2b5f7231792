/** The grid "Records": the open table, page by page and filtered, or what a search has found. */

/** @import { Node, ChildrenPage } from './types.js' */
/** @import { Work } from './work.js' */

import { call } from './api.js';
import { byId, byIdOf, el, show } from './dom.js';
import { serviceOf } from './loading.js';
import { refOf } from './model.js';

/** The records below the canvas. */
export class Records {
  #heading = byId('records-heading');
  #grid = byId('records');
  #body = byIdOf('records-body', HTMLTableSectionElement);
  #more = byIdOf('more-records', HTMLButtonElement);
  #note = byId('records-note');
  #filters = byIdOf('records-filters', HTMLFormElement);
  #kinds = byIdOf('filter-kind', HTMLSelectElement);
  #work;
  #open;
  #appear;
  /** @type {Node[]} */
  #nodes = [];
  /** @type {string | null} */
  #next = null;
  table = '';
  /** @type {Record<string, string[]>} kinds by table */
  kindsOf = {};

  /**
   * @param {Work} work
   * @param {(node: Node) => void} open
   * @param {() => void} appear told before the records are shown in the place of the time line
   */
  constructor(work, open, appear) {
    this.#work = work;
    this.#open = open;
    this.#appear = appear;
    this.#more.addEventListener('click', () => void this.#load());
    this.#filters.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.openTable(this.table, false);
    });
    this.#grid.addEventListener('keydown', (event) => this.#key(event));
    this.#body.addEventListener('click', (event) => {
      const row = event.target instanceof Element ? event.target.closest('tr') : null;
      if (row) this.#choose(row);
    });
  }

  /**
   * Show the first page of a table.
   * @param {string} table
   * @param {boolean} fresh whether the filters are cleared
   */
  async openTable(table, fresh = true) {
    this.table = table;
    if (fresh) {
      this.#filters.reset();
      const kinds = this.kindsOf[table] ?? [];
      this.#kinds.replaceChildren(el('option', { value: '' }, 'every kind'));
      this.#kinds.append(...kinds.map((kind) => el('option', { value: kind }, kind)));
    }
    show(this.#filters, true);
    this.#begin(table);
    await this.#load();
  }

  /**
   * Show what a search has found.
   * @param {string} title
   * @param {Node[]} nodes
   * @param {string} note whether it is complete
   */
  showFound(title, nodes, note) {
    this.table = '';
    show(this.#filters, false);
    this.#begin(title);
    this.#add(nodes);
    this.#note.textContent = note;
    show(this.#more, false);
  }

  /** @param {string} title */
  #begin(title) {
    this.#appear();
    show(byId('records-panel'), true);
    this.#heading.textContent = title;
    this.#nodes = [];
    this.#next = null;
    this.#body.replaceChildren();
  }

  async #load() {
    const table = this.table;
    const body = { table, filter: this.#filter() || null, next_token: this.#next };
    /** @type {ChildrenPage | undefined} */
    const page = await this.#work.attempt(() => call('node/children', body), serviceOf(table));
    if (!page || table !== this.table) return;
    this.#next = page.next_token;
    this.#add(page.items.map((item) => item.node));
    this.#note.textContent = this.#next === null ? `All ${this.#nodes.length} records` : `${this.#nodes.length} so far`;
    if (this.#nodes.length === 0) this.#note.textContent = 'No records here. Open another table, or clear the filters.';
    show(this.#more, this.#next !== null);
  }

  #filter() {
    const data = new FormData(this.#filters);
    return ['entity', 'org', 'id']
      .map((name) => [name, String(data.get(name) ?? '').trim()])
      .filter(([, value]) => value)
      .map(([name, value]) => `${name}:${value}`)
      .join(' ');
  }

  /** @param {Node[]} nodes */
  #add(nodes) {
    const start = this.#nodes.length;
    this.#nodes.push(...nodes);
    this.#body.append(...nodes.map((node, place) => rowOf(node, start + place)));
    const first = this.#body.querySelector('tr');
    if (first && !this.#body.querySelector('[tabindex="0"]')) first.tabIndex = 0;
  }

  /** @param {HTMLTableRowElement} row */
  #choose(row) {
    this.#focus(row);
    const node = this.#nodes[Number(row.dataset.place)];
    if (node) this.#open(node);
  }

  /** @param {HTMLTableRowElement} row */
  #focus(row) {
    this.#body.querySelector('[tabindex="0"]')?.setAttribute('tabindex', '-1');
    row.tabIndex = 0;
    row.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = event.target instanceof HTMLTableRowElement ? event.target : null;
    if (!row) return;
    const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (event.key === 'Enter' || event.key === ' ') this.#choose(row);
    else if (next instanceof HTMLTableRowElement) this.#focus(next);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/**
 * @param {Node} node
 * @param {number} place
 */
function rowOf(node, place) {
  const { properties, metadata } = node;
  const updated = String(properties.updated_utc ?? properties.recorded_utc ?? properties.created_utc ?? '');
  const cells = [metadata.label, metadata.entity_type, String(properties.orgcode ?? ''), refOf(node).sk, updated];
  return el(
    'tr',
    { tabindex: '-1', 'data-place': place },
    ...cells.map((text) => el('td', { role: 'gridcell', title: text }, text)),
  );
}

/** Details of the selected node: its keys and properties, its history, its edges. */

/** @import { EdgeCount } from './types.js' */
/** @import { Graph, GraphNode } from './model.js' */
/** @import { Explorer } from './explorer.js' */
/** @import { HistoryView } from './history-view.js' */

import { button, byId, el, show } from './dom.js';
import { isAtEnd } from './explorer.js';
import { countText, edgeKey } from './model.js';
import { Tabs } from './tabs.js';

/** The panel on the right. */
export class Details {
  #title = byId('details-title');
  #empty = byId('details-empty');
  #content = byId('details-content');
  #record = byId('panel-record');
  #edges = byId('panel-edges');
  #graph;
  #explorer;
  #history;
  #tabs;
  /** What is shown, so that it is rendered again only when it changed. */
  #shown = '';

  /**
   * @param {Graph} graph
   * @param {Explorer} explorer
   * @param {HistoryView} history
   */
  constructor(graph, explorer, history) {
    this.#graph = graph;
    this.#explorer = explorer;
    this.#history = history;
    this.#tabs = new Tabs(byId('details-tabs'), () => this.render(true));
    graph.subscribe(() => this.render());
  }

  /** Move the focus to the details. */
  focus() {
    this.#tabs.focus();
  }

  /** @param {boolean} anew */
  render(anew = false) {
    const node = this.#graph.selection;
    show(this.#empty, node === null);
    show(this.#content, node !== null);
    if (!node) {
      this.#shown = '';
      return;
    }
    const state = `${node.node.metadata.revision ?? ''} ${node.deleted} ${this.#graph.asOf ?? ''}`;
    const key = `${this.#tabs.current} ${node.id} ${state}`;
    const sameNode = key === this.#shown;
    this.#shown = key;
    if (this.#tabs.current === 'edges') void this.#showEdges(node);
    if (sameNode && !anew) return;
    this.#title.textContent = `${node.kind} ${node.label}`;
    if (this.#tabs.current === 'record') this.#record.replaceChildren(...recordParts(node, this.#graph));
    if (this.#tabs.current === 'history') void this.#history.show(node);
  }

  /** @param {GraphNode} node */
  async #showEdges(node) {
    const edges = await this.#explorer.edges(node);
    if (!edges || this.#graph.selected !== node.id) return;
    const missing = this.#explorer.catalogue.edgesInto(node.service, node.kind, this.#graph.down);
    const items = [
      ...edges.map((edge) => this.#edgeItem(node, edge)),
      ...missing.map((text) => el('li', { class: 'cut grey' }, text)),
    ];
    const focused = document.activeElement?.getAttribute('data-edge');
    const none = el('p', {}, node.deleted ? 'A deleted record has no edges.' : 'Records of this kind have no edges.');
    this.#edges.replaceChildren(items.length > 0 ? el('ul', { 'aria-label': 'Edges' }, ...items) : none);
    for (const each of this.#edges.querySelectorAll('button')) if (each.dataset.edge === focused) each.focus();
  }

  /**
   * @param {GraphNode} node
   * @param {EdgeCount} edge
   */
  #edgeItem(node, edge) {
    const shown = this.#graph.shownOf(node.id, edge);
    const arrow = edge.direction === 'out' ? '→' : '←';
    const expansion = this.#graph.expanded.get(node.id);
    const atEnd = expansion !== undefined && isAtEnd(expansion, edge);
    const count = atEnd ? String(shown) : countText(edge.approximate_count);
    const text = `${arrow} ${edge.edge} ${edge.entity_type}: ${shown} of ${count}`;
    const item = el('li', {}, el('span', {}, text));
    if (edge.approximate_count > 0 && !atEnd) {
      const name = shown === 0 ? 'Show' : 'Show more';
      const label = `${name}: ${edge.edge} ${edge.entity_type}`;
      const act = () => void this.#explorer.expandEdge(node, edge);
      item.append(' ', button(name, act, { 'aria-label': label, 'data-edge': edgeKey(edge) }));
    }
    return item;
  }
}

/**
 * @param {GraphNode} node
 * @param {Graph} graph
 */
function recordParts(node, { asOf, past }) {
  const { ddb_keys: keys, metadata } = node.node;
  const before = asOf === null ? undefined : past.get(node.id);
  const properties = before ?? node.node.properties;
  const about = [
    ['Table', metadata.table],
    ['Service', metadata.service_code],
    ...(metadata.revision === undefined ? [] : [['Revision', String(metadata.revision)]]),
  ];
  const parts = [
    ...(node.deleted ? [el('p', {}, 'This record was deleted. Its history remains.')] : []),
    ...(before && asOf ? [el('p', {}, `As it was at ${new Date(asOf).toLocaleString()}.`)] : []),
    definitions('About', about.map(([name, value]) => [name ?? '', value ?? ''])),
    definitions('Keys', Object.entries(keys)),
    definitions('Properties', Object.entries(properties).map(([name, value]) => [name, textOf(value)])),
  ];
  return parts;
}

/**
 * @param {string} title
 * @param {[string, string][]} entries
 */
function definitions(title, entries) {
  const list = entries.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
  return el('section', {}, el('h3', {}, title), el('dl', {}, ...list));
}

/**
 * A value as text: plain where it is, JSON where it is nested.
 * @param {unknown} value
 */
export function textOf(value) {
  if (value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value, null, typeof value === 'object' ? 1 : 0);
}

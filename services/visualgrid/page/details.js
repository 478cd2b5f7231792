/** Details of the selected node: its keys and properties, its history, its edges. */

/** @import { EdgeCount } from './types.js' */
/** @import { Graph, GraphNode } from './model.js' */
/** @import { Explorer } from './explorer.js' */
/** @import { HistoryView } from './history-view.js' */

import { button, byId, el, show } from './dom.js';
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
    const key = `${this.#tabs.current} ${node.id} ${node.node.metadata.revision ?? ''}`;
    const sameNode = key === this.#shown;
    this.#shown = key;
    if (this.#tabs.current === 'edges') void this.#showEdges(node);
    if (sameNode && !anew) return;
    this.#title.textContent = `${node.kind} ${node.label}`;
    show(byId('why-short'), node.kind === 'balance');
    if (this.#tabs.current === 'record') this.#record.replaceChildren(...recordParts(node));
    if (this.#tabs.current === 'history') void this.#history.show(node);
  }

  /** @param {GraphNode} node */
  async #showEdges(node) {
    const edges = await this.#explorer.edges(node);
    if (!edges || this.#graph.selected !== node.id) return;
    const items = edges.map((edge) => this.#edgeItem(node, edge));
    const focused = document.activeElement?.getAttribute('data-edge');
    this.#edges.replaceChildren(el('ul', { 'aria-label': 'Edges' }, ...items));
    for (const each of this.#edges.querySelectorAll('button')) if (each.dataset.edge === focused) each.focus();
  }

  /**
   * @param {GraphNode} node
   * @param {EdgeCount} edge
   */
  #edgeItem(node, edge) {
    const shown = this.#graph.shownOf(node.id, edge);
    const arrow = edge.direction === 'out' ? '→' : '←';
    const text = `${arrow} ${edge.edge} ${edge.entity_type}: ${shown} of ${countText(edge.approximate_count)}`;
    const item = el('li', {}, el('span', {}, text));
    if (shown < edge.approximate_count) {
      const name = shown === 0 ? 'Show' : 'Show more';
      const label = `${name}: ${edge.edge} ${edge.entity_type}`;
      const act = () => void this.#explorer.expandEdge(node, edge);
      item.append(' ', button(name, act, { 'aria-label': label, 'data-edge': edgeKey(edge) }));
    }
    return item;
  }
}

/** @param {GraphNode} node */
function recordParts(node) {
  const { ddb_keys: keys, properties, metadata } = node.node;
  const about = [
    ['Table', metadata.table],
    ['Service', metadata.service_code],
    ...(metadata.revision === undefined ? [] : [['Revision', String(metadata.revision)]]),
  ];
  const parts = [
    ...(node.deleted ? [el('p', {}, 'This record was deleted. Its history remains.')] : []),
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

/** The view in the address, behind the `#`, so that no server sees it: open table, selection, nodes, expansions. */

/** @import { Ref } from './types.js' */
/** @import { Graph } from './model.js' */

import { idOf } from './model.js';

const NODES_MAX = 200;

/** @typedef {{table: string, selected: Ref | null, opened: Ref[], expanded: Ref[]}} View */

/**
 * The text of a view.
 * @param {View} view
 */
export function textOf({ table, selected, opened, expanded }) {
  const fields = new URLSearchParams();
  if (table) fields.set('table', table);
  if (selected) fields.set('at', idOf(selected));
  for (const ref of opened) fields.append('node', idOf(ref));
  for (const ref of expanded) fields.append('open', idOf(ref));
  return fields.toString();
}

/**
 * The view in a text; what cannot be understood is left out.
 * @param {string} text
 * @returns {View}
 */
export function viewOf(text) {
  const fields = new URLSearchParams(text.replace(/^#/, ''));
  /** @param {string} name */
  const refs = (name) => fields.getAll(name).slice(0, NODES_MAX).map(refOf).filter((ref) => ref !== null);
  return {
    table: fields.get('table') ?? '',
    selected: refOf(fields.get('at') ?? ''),
    opened: refs('node'),
    expanded: refs('open'),
  };
}

/**
 * The view of a graph. What an expansion brings is not named, except where it is expanded itself.
 * @param {Graph} graph
 * @param {string} table
 * @returns {View}
 */
export function viewFrom(graph, table) {
  const nodes = [...graph.nodes.values()];
  return {
    table,
    selected: graph.selection?.ref ?? null,
    opened: nodes.filter((node) => node.by === null).map((node) => node.ref).slice(0, NODES_MAX),
    expanded: [...graph.expanded.keys()]
      .map((id) => graph.nodes.get(id)?.ref)
      .filter((ref) => ref !== undefined)
      .slice(0, NODES_MAX),
  };
}

/**
 * @param {string} id
 * @returns {Ref | null}
 */
function refOf(id) {
  const [table, pk, ...rest] = id.split('|');
  const sk = rest.join('|');
  return table && pk && sk ? { table, pk, sk } : null;
}

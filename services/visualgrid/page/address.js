/** The view in the address, behind the `#`, so that no server sees it: open table, selection, nodes, expansions. */

/** @import { Ref } from './types.js' */
/** @import { Expansion, Graph } from './model.js' */

import { edgeKey, idOf, STEP } from './model.js';

const NODES_MAX = 200;

/**
 * @typedef {{edge: string, taken: number}} Step how far an edge was followed
 * @typedef {{ref: Ref, steps: Step[]}} Expanded
 * @typedef {{table: string, selected: Ref | null, opened: Ref[], expanded: Expanded[]}} View
 */

/**
 * The text of a view.
 * @param {View} view
 */
export function textOf({ table, selected, opened, expanded }) {
  const fields = new URLSearchParams();
  if (table) fields.set('table', table);
  if (selected) fields.set('at', idOf(selected));
  for (const ref of opened) fields.append('node', idOf(ref));
  for (const { ref, steps } of expanded) {
    fields.append('open', idOf(ref));
    for (const { edge, taken } of steps) fields.append('by', `${taken} ${edge}`);
  }
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
    expanded: expandedIn(fields),
  };
}

/**
 * The expansions in an address; the steps of one follow it.
 * @param {URLSearchParams} fields
 */
function expandedIn(fields) {
  /** @type {Expanded[]} */
  const expanded = [];
  for (const [name, value] of fields) {
    const ref = name === 'open' ? refOf(value) : null;
    const step = name === 'by' ? /^(\d+) (.+)$/.exec(value) : null;
    if (ref) expanded.push({ ref, steps: [] });
    if (step?.[1] && step[2]) expanded.at(-1)?.steps.push({ edge: step[2], taken: Number(step[1]) });
  }
  return expanded.slice(0, NODES_MAX);
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
    expanded: [...graph.expanded].flatMap(([id, expansion]) => {
      const ref = graph.nodes.get(id)?.ref;
      return ref ? [{ ref, steps: stepsOf(expansion) }] : [];
    }).slice(0, NODES_MAX),
  };
}

/**
 * The steps of an expansion; none where every edge was followed once, as "Expand" does.
 * @param {Expansion} expansion
 * @returns {Step[]}
 */
function stepsOf({ edges, followed }) {
  const due = edges.filter((edge) => edge.approximate_count > 0);
  if (due.every((edge) => (followed.get(edgeKey(edge))?.taken ?? STEP + 1) <= STEP)) return [];
  return [...followed].map(([edge, { taken }]) => ({ edge, taken }));
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

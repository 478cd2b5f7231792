/** "Why is it short?": from the units on hand of a balance to those that can be promised, each number with its records. */

/** @import { Explorer } from './explorer.js' */
/** @import { GraphNode } from './model.js' */
/** @import { Node } from './types.js' */

import { button, byId, byIdOf, el } from './dom.js';
import { listAll } from './explorer.js';

/**
 * @typedef {{name: string, units: number, kind: string | null}} Term
 * what is taken off, and the kind of record it is made of; null where the balance alone knows
 */

/**
 * The terms of a balance, in units.
 * @param {Record<string, unknown>} balance
 * @param {number} heldBack
 */
export function termsOf(balance, heldBack) {
  /** @param {...string} names */
  const sum = (...names) => names.reduce((total, name) => total + Number(balance[name] ?? 0), 0);
  const buckets = ['available', 'quarantine', 'damaged', 'consignment', 'reserved', 'open', 'picked', 'packed'];
  const onHand = sum(...buckets);
  /** @type {Term[]} */
  const terms = [
    { name: 'quarantine', units: sum('quarantine'), kind: 'entry' },
    { name: 'damaged', units: sum('damaged'), kind: 'entry' },
    { name: 'consignment', units: sum('consignment'), kind: 'consignment' },
    { name: 'reservations', units: sum('reserved'), kind: 'reservation' },
    { name: 'commits', units: sum('open', 'picked', 'packed'), kind: 'commit' },
    { name: 'holdbacks', units: heldBack, kind: 'holdback' },
  ];
  const promisable = Math.max(0, onHand - terms.reduce((total, term) => total + term.units, 0));
  return { onHand, terms, promisable };
}

/**
 * Open the dialog about a balance.
 * @param {Explorer} explorer
 * @param {GraphNode} node
 */
export async function explainShortage(explorer, node) {
  const { orgcode, variant_id: variant, logical_guid: facility } = node.node.properties;
  const hub = { table: 'stack_variants', pk: `ORG#${orgcode}`, sk: `VARIANT#${variant}` };
  /** @param {string} kind */
  const around = (kind) => listOf(hub, kind, String(facility));
  const held = await explorer.work.attempt(() => around('holdback'), 'ics');
  if (!held) return;
  const heldBack = held.reduce((total, each) => total + Number(each.properties.quantity ?? 0), 0);
  const { onHand, terms, promisable } = termsOf(node.node.properties, heldBack);
  const dialog = byIdOf('shortage', HTMLDialogElement);
  const rows = terms.map((term) => {
    const row = el('tr', {}, el('th', { scope: 'row' }, `minus ${term.name}`), el('td', {}, String(term.units)));
    const cell = el('td', {});
    const kind = term.kind;
    if (kind !== null && term.units > 0) {
      const open = async () => {
        const records = await explorer.work.attempt(() => around(kind), 'ics');
        dialog.close();
        if (records) explorer.put(records);
      };
      cell.append(button(`Show ${term.name}`, () => void open()));
    }
    row.append(cell);
    return row;
  });
  byId('shortage-body').replaceChildren(
    line('on hand', onHand),
    ...rows,
    line('promisable', promisable),
  );
  byId('shortage-title').textContent = `Why is it short? ${node.label}`;
  dialog.showModal();
}

/**
 * The records of a kind about a variant in one facility.
 * @param {{table: string, pk: string, sk: string}} hub
 * @param {string} kind
 * @param {string} facility
 * @returns {Promise<Node[]>}
 */
async function listOf(hub, kind, facility) {
  const { nodes } = await listAll({ ...hub, entity_type: kind, direction: 'in' });
  return nodes.filter((each) => String(each.properties.logical_guid ?? facility) === facility);
}

/**
 * @param {string} name
 * @param {number} units
 */
function line(name, units) {
  return el('tr', {}, el('th', { scope: 'row' }, name), el('td', {}, String(units)), el('td', {}));
}

/** "Why is it short?": from the units on hand of a balance to those that can be promised, each number with its records. */

/** @import { Explorer } from './explorer.js' */
/** @import { GraphNode } from './model.js' */
/** @import { Node } from './types.js' */

import { button, byId, byIdOf, el } from './dom.js';
import { listAll } from './listing.js';

/**
 * @typedef {{name: string, units: number, kinds: string[], holds: (record: Record<string, any>) => boolean}} Term
 * a number, the kinds of record it is made of, and which of them hold units now
 */

const ON_HAND = ['available', 'quarantine', 'damaged', 'consignment', 'reserved', 'open', 'picked', 'packed'];

/** @param {Record<string, any>} record */
const isHolding = (record) => Array.isArray(record.positions) && record.positions.length > 0;

/** @param {string} bucket */
const touches = (bucket) => (/** @type {Record<string, any>} */ entry) =>
  [entry.from_account?.bucket, entry.to_account?.bucket].includes(bucket);

/**
 * Whether a holdback withholds units at a time.
 * @param {Record<string, any>} holdback
 * @param {string} now
 */
export function isActive({ quantity, starts_utc: starts, ends_utc: ends }, now) {
  return Number(quantity) > 0 && !(starts && now < starts) && !(ends && now >= ends);
}

/**
 * The terms of a balance, in units.
 * @param {Record<string, unknown>} balance
 * @param {number} heldBack
 */
export function termsOf(balance, heldBack) {
  /** @param {...string} names */
  const sum = (...names) => names.reduce((total, name) => total + Number(balance[name] ?? 0), 0);
  const now = new Date().toISOString();
  /** @type {Term[]} */
  const terms = [
    { name: 'quarantine', units: sum('quarantine'), kinds: ['entry'], holds: touches('quarantine') },
    { name: 'damaged', units: sum('damaged'), kinds: ['entry'], holds: touches('damaged') },
    { name: 'consignment', units: sum('consignment'), kinds: ['consignment'], holds: isHolding },
    { name: 'reservations', units: sum('reserved'), kinds: ['reservation', 'allocation'], holds: isHolding },
    { name: 'commits', units: sum('open', 'picked', 'packed'), kinds: ['commit'], holds: isHolding },
    { name: 'holdbacks', units: heldBack, kinds: ['holdback'], holds: (record) => isActive(record, now) },
  ];
  const onHand = { name: 'on hand', units: sum(...ON_HAND), kinds: ['entry'], holds: () => true };
  const promisable = Math.max(0, onHand.units - terms.reduce((total, term) => total + term.units, 0));
  return { onHand, terms, promisable };
}

/**
 * Open the dialog about a balance.
 * @param {Explorer} explorer
 * @param {GraphNode} balance
 */
export async function explainShortage(explorer, balance) {
  const held = await explorer.work.attempt(() => listOf(balance, 'holdback'), balance.service);
  if (!held) return;
  const now = new Date().toISOString();
  const active = held.nodes.map((node) => node.properties).filter((each) => isActive(each, now));
  const heldBack = active.reduce((total, each) => total + Number(each.quantity ?? 0), 0);
  const { onHand, terms, promisable } = termsOf(balance.node.properties, heldBack);
  /** @param {Term} term */
  const open = (term) => void openRecords(explorer, balance, term);
  byId('shortage-body').replaceChildren(
    rowOf('on hand', onHand, open),
    ...terms.map((term) => rowOf(`minus ${term.name}`, term, open)),
    el('tr', {}, el('th', { scope: 'row' }, 'promisable'), el('td', {}, String(promisable)), el('td', {})),
  );
  byId('shortage-note').textContent = noteOf(active, held.complete);
  byId('shortage-title').textContent = `Why is it short? ${balance.label}`;
  byIdOf('shortage', HTMLDialogElement).showModal();
}

/**
 * What the holdbacks' number says, and what it leaves out.
 * @param {Record<string, unknown>[]} holdbacks
 * @param {boolean} complete
 */
function noteOf(holdbacks, complete) {
  const channels = holdbacks.filter((each) => each.channel_code);
  const parts = channels.map((each) => `${each.quantity} from ${each.channel_code} only`);
  return [
    ...(parts.length > 0 ? [`Of the holdbacks: ${parts.join(', ')}.`] : []),
    ...(complete ? [] : ['Not all holdbacks were read.']),
  ].join(' ');
}

/**
 * Put the records of a term on the canvas, and say whether they are all.
 * @param {Explorer} explorer
 * @param {GraphNode} balance
 * @param {Term} term
 */
async function openRecords(explorer, balance, { name, kinds, holds }) {
  byIdOf('shortage', HTMLDialogElement).close();
  const lists = await explorer.work.attempt(() => Promise.all(kinds.map((kind) => listOf(balance, kind))), balance.service);
  if (!lists) return;
  const nodes = lists.flatMap((list) => list.nodes).filter((node) => holds(node.properties));
  explorer.put(nodes);
  const complete = lists.every((list) => list.complete);
  explorer.work.say(`${name}: ${complete ? 'all' : 'the newest'} ${nodes.length} records of ${balance.label}`);
}

/**
 * The records of a kind that name a balance.
 * @param {GraphNode} balance
 * @param {string} kind
 * @returns {Promise<{nodes: Node[], complete: boolean}>}
 */
async function listOf(balance, kind) {
  const { nodes, complete, unavailable } = await listAll({ ...balance.ref, entity_type: kind, direction: 'in' });
  return { nodes, complete: complete && unavailable.length === 0 };
}

/**
 * @param {string} title
 * @param {Term} term
 * @param {(term: Term) => void} open
 */
function rowOf(title, term, open) {
  const cell = el('td', {});
  if (term.units > 0) cell.append(button(`Show ${term.name}`, () => open(term)));
  return el('tr', {}, el('th', { scope: 'row' }, title), el('td', {}, String(term.units)), cell);
}

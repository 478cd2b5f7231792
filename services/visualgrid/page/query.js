/** What a person types into the search box, understood. */

/** @import { EntityType, Ref } from './types.js' */

import { fits } from './catalogue.js';

/**
 * @typedef {{kind: 'keys', pk: string, sk: string, table: string | null}} KeysQuery
 * @typedef {{kind: 'filters', filters: string[]}} FiltersQuery
 */

/**
 * What to look for: a record's keys, or filters of table `*` that are tried one after the other.
 * @param {string} text
 * @returns {KeysQuery | FiltersQuery | null}
 */
export function queryOf(text) {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const parts = trimmed.split('|');
  const [table, pk, sk] = parts;
  if (parts.length >= 3 && table && pk && sk) return { kind: 'keys', table, pk, sk: parts.slice(2).join('|') };
  const keys = /^(ORG#\S+|STACK|[A-Z0-9]+#\S+)\s+(\S.*)$/.exec(trimmed);
  if (keys?.[1] && keys[2]) return { kind: 'keys', table: null, pk: keys[1], sk: keys[2] };
  if (/^(id|trace|op):\S+$/.test(trimmed)) return { kind: 'filters', filters: [trimmed] };
  if (/\s/.test(trimmed)) return { kind: 'filters', filters: [] };
  const causes = /^[0-9a-f]{32}$/.test(trimmed) ? [`trace:${trimmed}`] : [];
  return { kind: 'filters', filters: [`id:${trimmed}`, ...causes, `op:${trimmed}`] };
}

/**
 * The records that a PK and SK may name: one for each kind whose SK begins like this one.
 * @param {KeysQuery} query
 * @param {EntityType[]} kinds
 * @returns {Ref[]}
 */
export function refsOf({ pk, sk, table }, kinds) {
  if (table !== null) return [{ table, pk, sk }];
  const fitting = kinds.filter((kind) => fits(kind.sk_pattern, sk) && fits(kind.pk_pattern, pk));
  return [...new Set(fitting.map((kind) => kind.table))].map((each) => ({ table: each, pk, sk }));
}

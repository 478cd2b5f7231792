/** Reads one record by its keys: as it is, or, once it is deleted, as its history tells. */

/** @import { Catalogue } from './catalogue.js' */
/** @import { HistoryItem, Node, Ref } from './types.js' */

import { call, Refused } from './api.js';
import { lastKnown } from './moments.js';

const HISTORY_ITEMS = 256;
const LABEL_LENGTH_MAX = 120;

/** The service that owns a table. @param {string} table */
export function serviceOf(table) {
  return table.split('_')[0] ?? '';
}

/** The id of a record: what its SK ends with. @param {string} sk */
export function idIn(sk) {
  return sk.slice(sk.lastIndexOf('#') + 1);
}

/**
 * The record, and whether it is deleted; null if neither a record nor a history has these keys.
 * @param {Ref} ref
 * @param {Catalogue} catalogue
 * @returns {Promise<{node: Node, deleted: boolean} | null>}
 */
export async function loaded(ref, catalogue) {
  const answer = await unlessAbsent(call('node/load', ref));
  if (answer) return { node: answer.node, deleted: false };
  const past = await unlessAbsent(call('node/history', { ...ref, limit: HISTORY_ITEMS }));
  return past && past.items.length > 0 ? { node: remembered(ref, past.items, catalogue), deleted: true } : null;
}

/**
 * The node of a deleted record.
 * @param {Ref} ref
 * @param {HistoryItem[]} history newest first
 * @param {Catalogue} catalogue
 * @returns {Node}
 */
function remembered(ref, history, catalogue) {
  const properties = lastKnown(history);
  const kind = catalogue.kindOf(ref);
  return {
    ddb_keys: { PK: ref.pk, SK: ref.sk },
    properties,
    metadata: {
      service_code: serviceOf(ref.table),
      table: ref.table,
      entity_type: kind?.entity_type ?? 'record',
      label: labelOf(kind?.label_pattern ?? '', properties) || idIn(ref.sk),
      size_bytes: JSON.stringify(properties).length,
    },
  };
}

/**
 * A label pattern filled in: without the fields that are not known, and the separators that then stand at an end.
 * @param {string} pattern
 * @param {Record<string, unknown>} properties
 */
export function labelOf(pattern, properties) {
  const filled = pattern.replace(/\{([^}:]+)[^}]*\}/g, (_, path) => String(valueAt(properties, path) ?? ''));
  return filled.replace(/^[ @/:,\-·]+|[ @/:,\-·]+$/g, '').slice(0, LABEL_LENGTH_MAX);
}

/**
 * @param {any} properties
 * @param {string} path a field, dotted for a nested one
 */
function valueAt(properties, path) {
  return path.split('.').reduce((value, name) => value?.[name], properties);
}

/**
 * An answer, or null where nothing is there.
 * @param {Promise<any>} answer
 */
async function unlessAbsent(answer) {
  try {
    return await answer;
  } catch (failure) {
    if (failure instanceof Refused && failure.status === 404) return null;
    throw failure;
  }
}

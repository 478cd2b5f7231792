/** Time: the life of an order as moments on lanes, and a record as it was. */

/** @import { HistoryItem } from './types.js' */

/** A gap longer than this is folded to this, in milliseconds. */
export const GAP_MILLISECONDS_MAX = 60_000;
const STEP_MILLISECONDS_MIN = 400;

/**
 * @typedef {{at: string, service: string, node: string, label: string, action: string}} Moment
 * @typedef {Moment & {place: number, gap: boolean}} PlacedMoment
 * `place` is from 0 to 1; `gap` says that time was folded before it
 */

/**
 * The moments in order, placed on a line on which long gaps are folded and none lies on another.
 * @param {Moment[]} moments
 * @returns {PlacedMoment[]}
 */
export function placed(moments) {
  const sorted = [...moments].sort((left, right) => left.at.localeCompare(right.at));
  let length = 0;
  const marks = sorted.map((moment, number) => {
    const before = sorted[number - 1];
    const passed = before ? Date.parse(moment.at) - Date.parse(before.at) : 0;
    const step = Math.min(GAP_MILLISECONDS_MAX, Math.max(STEP_MILLISECONDS_MIN, passed));
    if (before) length += step;
    return { ...moment, place: length, gap: passed > GAP_MILLISECONDS_MAX };
  });
  return marks.map((mark) => ({ ...mark, place: length === 0 ? 0 : mark.place / length }));
}

/**
 * A record's fields as they were at a time: its changes since then taken back, newest first.
 * @param {Record<string, unknown>} properties
 * @param {HistoryItem[]} history newest first
 * @param {string} at
 */
export function asOf(properties, history, at) {
  const fields = { ...properties };
  for (const item of history) {
    if (item.at_utc <= at) break;
    for (const change of item.changed) {
      if ('before' in change) fields[change.field] = change.before;
      else delete fields[change.field];
    }
  }
  return fields;
}

/**
 * The fields of a record that is gone, as they were last told.
 * @param {HistoryItem[]} history newest first
 */
export function lastKnown(history) {
  /** @type {Record<string, unknown>} */
  const fields = {};
  for (const { field, before, after } of history.flatMap((item) => item.changed)) {
    if (!(field in fields)) fields[field] = after ?? before;
  }
  return fields;
}

/**
 * The fields that differ between two records or two moments of one.
 * @param {Record<string, unknown>} left
 * @param {Record<string, unknown>} right
 */
export function differences(left, right) {
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names
    .filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]))
    .map((field) => ({ field, before: left[field], after: right[field] }));
}

/** Calls of VisualGrid's rows. The token is a variable of this module: in no storage, cookie, address or history. */

/** @type {string | null} */
let token = null;
let expiresAt = 0;

/** A maintenance window asks to wait at least so long; a service that is down asks to try again sooner. */
const WINDOW_RETRY_SECONDS_MIN = 5;

/** Told whenever an answer shows that a service is down. */
let tellOfOutage = () => {};

/** @param {() => void} listener */
export function onOutage(listener) {
  tellOfOutage = listener;
}

/** An answer that is no success; `status` 0 means that nothing was reached. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {number} retryAfterSeconds
   * @param {boolean} maintenance
   */
  constructor(status, message, retryAfterSeconds = 0, maintenance = false) {
    super(message);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
    this.maintenance = maintenance;
  }
}

/** Milliseconds until the token ends; 0 without one. */
export function millisecondsLeft() {
  return token === null ? 0 : Math.max(0, expiresAt - Date.now());
}

/** Forget the token. */
export function forgetToken() {
  token = null;
  expiresAt = 0;
}

/**
 * Get a token for the secret code.
 * @param {string} code
 */
export async function signIn(code) {
  const data = await send('root/auth', { secret_code: code }, {});
  token = String(data.token);
  expiresAt = Date.now() + Number(data.ttl_seconds) * 1000;
}

/**
 * The data that a row answers. Rejects with `Refused`.
 * @param {string} row for instance `node/load`
 * @param {Record<string, unknown>} body
 * @returns {Promise<any>}
 */
export async function call(row, body = {}) {
  return send(row, body, { 'x-vg-token': token ?? '' });
}

/** The schema, which is a GET row. @returns {Promise<any>} */
export async function schema() {
  return answerOf(await reach('schema', { headers: { 'x-vg-token': token ?? '' } }));
}

/** Seconds to the expected end of a maintenance window, as the ping row tells; null where none is active. */
export async function maintenanceSeconds() {
  try {
    const answer = await fetch('../ping', { cache: 'no-store' });
    const seconds = Number(answer.headers.get('retry-after') ?? 0);
    return answer.status === 503 && seconds >= WINDOW_RETRY_SECONDS_MIN ? seconds : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} row
 * @param {Record<string, unknown>} body
 * @param {Record<string, string>} headers
 */
async function send(row, body, headers) {
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null && value !== undefined));
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(given),
  };
  return answerOf(await reach(row, options));
}

/**
 * @param {string} row
 * @param {RequestInit} options
 */
async function reach(row, options) {
  try {
    return await fetch(`../${row}`, { ...options, cache: 'no-store', credentials: 'same-origin' });
  } catch {
    throw new Refused(0, 'VisualGrid cannot be reached.');
  }
}

/**
 * @param {Response} response
 * @returns {Promise<any>}
 */
async function answerOf(response) {
  const retryAfter = Number(response.headers.get('retry-after') ?? 0);
  const envelope = await response.json().catch(() => null);
  if (response.ok && envelope?.ok) {
    if (envelope.data.unavailable?.length > 0) tellOfOutage();
    return envelope.data;
  }
  const maintenance = response.status === 503 && (await maintenanceSeconds()) !== null;
  if (response.status === 503 && !maintenance) tellOfOutage();
  throw new Refused(response.status, envelope?.error?.message ?? `status ${response.status}`, retryAfter, maintenance);
}

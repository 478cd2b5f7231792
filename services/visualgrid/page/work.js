/** Runs what asks VisualGrid, and tells how it went: status, alerts with "Try again", maintenance, expired tokens. */

/** @import { Maintenance } from './maintenance.js' */

import { Refused } from './api.js';
import { button, el } from './dom.js';

const SLOW_MILLISECONDS = 1000;

/** What went wrong cannot be repeated, for instance because a field was filled in wrongly. */
const FINAL = [400, 404];

/** The outcome of actions. */
export class Work {
  #status;
  #alert;
  #maintenance;
  #count;
  #outcome = '';
  /** Tasks that wait for an answer, and not for a person. */
  #running = 0;
  /**
   * Ends the wait for "Try again", without another try.
   * @type {(again: boolean) => void}
   */
  #dismiss = () => {};
  /**
   * Told when the token is not valid any more.
   * @type {(again: () => void) => void}
   */
  expired = () => {};

  /**
   * @param {HTMLElement} status
   * @param {HTMLElement} alert
   * @param {Maintenance} maintenance
   * @param {() => string} count what is on the canvas, in words
   */
  constructor(status, alert, maintenance, count) {
    this.#status = status;
    this.#alert = alert;
    this.#maintenance = maintenance;
    this.#count = count;
  }

  /** Say what is on the canvas, and the outcome of the last action. */
  refresh() {
    const text = [this.#count(), this.#outcome].filter(Boolean).join('. ');
    if (this.#status.textContent !== text) this.#status.textContent = text;
  }

  /** @param {string} outcome */
  say(outcome) {
    this.#outcome = outcome;
    this.refresh();
  }

  /** Take back what the last alert said. */
  #clear() {
    this.#alert.replaceChildren();
    this.#dismiss(false);
  }

  /**
   * Run a task. A failure is shown, and the task is run again once that can help: after signing in, after a maintenance
   * window, or when a person says so. Gives undefined if nobody does, or if it cannot help.
   * @template T
   * @param {() => Promise<T>} task
   * @param {string} service whose answer is awaited
   * @returns {Promise<T | undefined>}
   */
  async attempt(task, service = 'VisualGrid') {
    if (this.#running === 0) this.#clear();
    for (;;) {
      try {
        return await this.#timed(task, service);
      } catch (failure) {
        if (!(failure instanceof Refused)) throw failure;
        if (!(await this.#again(failure, service))) return undefined;
      }
    }
  }

  /**
   * @template T
   * @param {() => Promise<T>} task
   * @param {string} service
   */
  async #timed(task, service) {
    const waiting = `Waiting for ${service}…`;
    const slow = setTimeout(() => this.say(waiting), SLOW_MILLISECONDS);
    this.#running += 1;
    try {
      return await task();
    } finally {
      this.#running -= 1;
      clearTimeout(slow);
      if (this.#outcome === waiting) this.say('');
    }
  }

  /**
   * Whether to try again, once that can help.
   * @param {Refused} failure
   * @param {string} service
   * @returns {Promise<boolean>}
   */
  async #again(failure, service) {
    if (failure.status === 401) await new Promise((resolve) => this.expired(() => resolve(undefined)));
    else if (failure.maintenance) await this.#maintenance.over(failure.retryAfterSeconds);
    else return this.#complain(failure, service);
    return true;
  }

  /**
   * @param {Refused} failure
   * @param {string} service
   * @returns {Promise<boolean>}
   */
  #complain(failure, service) {
    this.#clear();
    this.say('');
    const text = el('span', {}, sentence(failure, service));
    if (FINAL.includes(failure.status)) {
      this.#alert.replaceChildren(text);
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      this.#dismiss = resolve;
      const again = () => {
        this.#alert.replaceChildren();
        resolve(true);
      };
      this.#alert.replaceChildren(text, button('Try again', again));
    });
  }
}

/**
 * One sentence that names the service, unless the request itself was wrong.
 * @param {Refused} failure
 * @param {string} service
 */
function sentence({ status, message }, service) {
  const named = FINAL.includes(status) || message.includes(service) ? message : `${service}: ${message}`;
  const text = named.charAt(0).toUpperCase() + named.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

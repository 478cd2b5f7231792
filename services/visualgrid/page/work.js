/** Runs what asks VisualGrid, and tells how it went: status, alerts with "Try again", maintenance, expired tokens. */

import { inMaintenance, Refused } from './api.js';
import { button } from './dom.js';

const SLOW_MILLISECONDS = 1000;
const ASK_AGAIN_MILLISECONDS = 2000;

/** What went wrong cannot be repeated, for instance because a field was filled in wrongly. */
const FINAL = [400, 404];

/** The outcome of actions. */
export class Work {
  #status;
  #alert;
  #maintenance;
  #count;
  #outcome = '';
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
   * @param {HTMLElement} maintenance
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
  clear() {
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
    for (;;) {
      const slow = setTimeout(() => this.say(`Waiting for ${service}…`), SLOW_MILLISECONDS);
      try {
        const result = await task();
        this.clear();
        return result;
      } catch (failure) {
        if (!(failure instanceof Refused)) throw failure;
        clearTimeout(slow);
        if (!(await this.#again(failure))) return undefined;
      } finally {
        clearTimeout(slow);
      }
    }
  }

  /**
   * Whether to try again, once that can help.
   * @param {Refused} failure
   * @returns {Promise<boolean>}
   */
  async #again(failure) {
    if (failure.status === 401) await new Promise((resolve) => this.expired(() => resolve(undefined)));
    else if (failure.maintenance) await this.#wait(failure.retryAfterSeconds);
    else return this.#complain(failure);
    return true;
  }

  /**
   * @param {Refused} failure
   * @returns {Promise<boolean>}
   */
  #complain(failure) {
    this.clear();
    this.say('');
    const text = document.createElement('span');
    text.textContent = sentence(failure.message);
    if (FINAL.includes(failure.status)) {
      this.#alert.replaceChildren(text);
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      this.#dismiss = resolve;
      this.#alert.replaceChildren(text, button('Try again', () => resolve(true)));
    });
  }

  /** @param {number} seconds */
  async #wait(seconds) {
    const until = new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    this.#maintenance.textContent = `In maintenance until ${until}. This page resumes by itself.`;
    this.#maintenance.hidden = false;
    while (await inMaintenance()) await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MILLISECONDS));
    this.#maintenance.hidden = true;
  }
}

/** @param {string} message */
function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** Signing in and out, and how long the token lasts. */

/** @import { Maintenance } from './maintenance.js' */

import { forgetToken, millisecondsLeft, Refused, signIn } from './api.js';
import { byId, byIdOf, show } from './dom.js';
import { untilText } from './maintenance.js';

const LOOK_EVERY_MILLISECONDS = 5000;

/** The session of the page. */
export class Session {
  #form = byIdOf('sign-in', HTMLFormElement);
  #field = byIdOf('secret-code', HTMLInputElement);
  #refusal = byId('sign-in-refusal');
  #note = byId('sign-in-note');
  #left = byId('minutes-left');
  #panel = byId('gate');
  #app = byId('app');
  /**
   * What waits for the sign-in.
   * @type {(() => void)[]}
   */
  #waiting;
  #first;
  #maintenance;
  #goesOn = false;
  #begun = false;
  #signedIn = false;

  /**
   * @param {() => void} first told after the first sign-in
   * @param {Maintenance} maintenance
   */
  constructor(first, maintenance) {
    this.#first = first;
    this.#maintenance = maintenance;
    this.#waiting = [];
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    byId('sign-out').addEventListener('click', signOut);
    setInterval(() => this.#look(), LOOK_EVERY_MILLISECONDS);
    this.#ask('');
  }

  /**
   * The token is not valid any more: ask for the code over the dimmed view, then go on.
   * @param {() => void} again
   */
  expired(again) {
    this.#waiting.push(again);
    if (this.#signedIn) this.#ask('Your session has ended. Sign in to continue where you were.');
  }

  async #submit() {
    this.#refusal.textContent = '';
    try {
      await signIn(this.#field.value);
    } catch (failure) {
      if (!(failure instanceof Refused)) throw failure;
      this.#refusal.textContent = reasonOf(failure);
      this.#field.focus();
      this.#field.select();
      if (failure.maintenance) await this.#goOn(failure.retryAfterSeconds);
      return;
    }
    this.#enter();
  }

  /**
   * Try the same code again once the maintenance window is over.
   * @param {number} seconds to its expected end
   */
  async #goOn(seconds) {
    if (this.#goesOn) return;
    this.#goesOn = true;
    await this.#maintenance.over(seconds);
    this.#goesOn = false;
    if (!this.#signedIn && this.#field.value !== '') await this.#submit();
  }

  #enter() {
    this.#signedIn = true;
    this.#field.value = '';
    show(this.#panel, false);
    this.#app.inert = false;
    document.body.classList.remove('dimmed');
    this.#look();
    for (const resume of this.#waiting.splice(0)) resume();
    if (!this.#begun) this.#first();
    this.#begun = true;
  }

  #look() {
    if (!this.#signedIn) return;
    const minutes = Math.ceil(millisecondsLeft() / 60_000);
    this.#left.textContent = `${minutes} min left`;
    if (minutes === 0) this.expired(() => {});
  }

  /** @param {string} note */
  #ask(note) {
    this.#signedIn = false;
    this.#note.textContent = note;
    show(this.#panel, true);
    this.#app.inert = true;
    document.body.classList.toggle('dimmed', note !== '');
    this.#field.focus();
  }
}

/** Forget the token and whatever is shown; the address keeps the view for whoever signs in next. */
function signOut() {
  forgetToken();
  location.reload();
}

/** @param {Refused} failure */
function reasonOf(failure) {
  if (failure.status === 401) return 'The secret code is wrong.';
  if (failure.status === 429) {
    const minutes = Math.max(1, Math.ceil(failure.retryAfterSeconds / 60));
    return `Too many wrong codes from this address. Try again in ${minutes} min.`;
  }
  if (failure.maintenance) return `${untilText(failure.retryAfterSeconds)} Signing in resumes by itself.`;
  return `Signing in failed: ${failure.message}.`;
}

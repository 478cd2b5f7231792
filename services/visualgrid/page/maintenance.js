/** Maintenance windows: the page says until when, and what waits goes on by itself. */

import { maintenanceSeconds } from './api.js';
import { show } from './dom.js';

const LOOK_MILLISECONDS = 10_000;
const LOOK_AGAIN_MILLISECONDS = 2000;

/**
 * Until when a window lasts, in words.
 * @param {number} seconds to its expected end
 */
export function untilText(seconds) {
  const end = new Date(Date.now() + seconds * 1000);
  return `In maintenance until ${end.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}.`;
}

/** What the page knows of maintenance windows. */
export class Maintenance {
  #banner;
  /** @type {Promise<void> | null} */
  #over = null;

  /** @param {HTMLElement} banner */
  constructor(banner) {
    this.#banner = banner;
    setInterval(() => void this.#look(), LOOK_MILLISECONDS);
  }

  /**
   * Resolves once the window is over.
   * @param {number} seconds to its expected end
   */
  over(seconds) {
    this.#over ??= this.#wait(seconds).finally(() => (this.#over = null));
    return this.#over;
  }

  async #look() {
    if (document.hidden || this.#over) return;
    const seconds = await maintenanceSeconds();
    if (seconds !== null) await this.over(seconds);
  }

  /** @param {number} seconds */
  async #wait(seconds) {
    show(this.#banner, true);
    /** @type {number | null} */
    let left = seconds;
    while (left !== null) {
      this.#banner.textContent = `${untilText(left)} This page resumes by itself.`;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MILLISECONDS));
      left = await maintenanceSeconds();
    }
    show(this.#banner, false);
  }
}

/** A `tablist` whose tabs show panels; Left and Right move between tabs. */

import { byId, show } from './dom.js';

/** One list of tabs. A tab `tab-x` shows the panel that its `aria-controls` names. */
export class Tabs {
  #tabs;
  #changed;

  /**
   * @param {HTMLElement} list
   * @param {() => void} changed
   */
  constructor(list, changed) {
    this.#tabs = [...list.querySelectorAll('[role=tab]')].filter((tab) => tab instanceof HTMLElement);
    this.#changed = changed;
    list.addEventListener('click', (event) => {
      const tab = this.#tabs.find((each) => each === event.target);
      if (tab) this.choose(tab);
    });
    list.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const place = this.#tabs.findIndex((tab) => tab.tabIndex === 0);
      const tab = this.#tabs[(place + step + this.#tabs.length) % this.#tabs.length];
      if (tab) this.choose(tab).focus();
    });
  }

  /** The word of the chosen tab: `record` of `tab-record`. */
  get current() {
    return this.#chosen().id.replace('tab-', '');
  }

  focus() {
    this.#chosen().focus();
  }

  /** @param {HTMLElement} chosen */
  choose(chosen) {
    for (const tab of this.#tabs) {
      const on = tab === chosen;
      tab.setAttribute('aria-selected', String(on));
      tab.tabIndex = on ? 0 : -1;
      const panel = tab.getAttribute('aria-controls');
      if (panel) show(byId(panel), on);
    }
    this.#changed();
    return chosen;
  }

  #chosen() {
    const found = this.#tabs.find((tab) => tab.tabIndex === 0) ?? this.#tabs[0];
    if (!found) throw new Error('a list of tabs is empty');
    return found;
  }
}

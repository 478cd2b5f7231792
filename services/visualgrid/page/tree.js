/** A flat `tree`: items with levels, one of them in the Tab order, moved through with the arrow keys. */

/**
 * @typedef {object} Item
 * @property {string} key
 * @property {string} text
 * @property {number} level
 * @property {boolean} [expanded] left out for an item that cannot expand
 * @property {boolean} [selected]
 * @property {boolean} [grey]
 * @property {string | undefined} [about] what a screen reader says beside the text
 *
 * @typedef {object} Actions
 * @property {(key: string, typed: boolean) => void} activate a click or, typed, Enter or Space
 * @property {(key: string) => void} [moved] the arrow keys led to an item
 * @property {(key: string, open: boolean) => void} toggle Right and Left
 */

/** A tree whose items are given anew whenever they change. */
export class Tree {
  #root;
  #actions;
  /** @type {Map<string, HTMLLIElement>} */
  #items = new Map();
  #current = '';

  /**
   * @param {HTMLElement} root
   * @param {Actions} actions
   */
  constructor(root, actions) {
    this.#root = root;
    this.#actions = actions;
    root.addEventListener('keydown', (event) => this.#key(event));
    root.addEventListener('click', (event) => {
      const key = keyOf(event.target);
      if (key === null) return;
      this.#move(key);
      actions.activate(key, false);
    });
    root.addEventListener('focusin', (event) => {
      const key = keyOf(event.target);
      if (key !== null) this.#mark(key);
    });
  }

  /** @param {Item[]} items */
  show(items) {
    const known = this.#items;
    const hadFocus = this.#root.contains(document.activeElement);
    this.#items = new Map(items.map((item) => [item.key, filled(known.get(item.key) ?? made(item.key), item)]));
    this.#root.replaceChildren(...this.#items.values());
    if (!this.#items.has(this.#current)) this.#current = items[0]?.key ?? '';
    this.#mark(this.#current);
    if (hadFocus) this.#items.get(this.#current)?.focus();
  }

  /**
   * Make an item the one in the Tab order.
   * @param {string} key
   */
  point(key) {
    if (this.#items.has(key)) this.#mark(key);
  }

  /** @param {string} key */
  #mark(key) {
    this.#items.get(this.#current)?.setAttribute('tabindex', '-1');
    this.#current = key;
    this.#items.get(key)?.setAttribute('tabindex', '0');
  }

  /** @param {string} key */
  #move(key) {
    this.#mark(key);
    const item = this.#items.get(key);
    item?.focus({ preventScroll: true });
    item?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = [...this.#items.keys()];
    const place = keys.indexOf(this.#current);
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: keys.length - 1 };
    const target = moves[event.key];
    if (target !== undefined) {
      const key = keys[Math.min(keys.length - 1, Math.max(0, target))];
      if (key !== undefined) {
        this.#move(key);
        this.#actions.moved?.(key);
      }
    } else if (event.key === 'Enter' || event.key === ' ') this.#actions.activate(this.#current, true);
    else if (event.key === 'ArrowRight') this.#actions.toggle(this.#current, true);
    else if (event.key === 'ArrowLeft') this.#actions.toggle(this.#current, false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** @param {string} key */
function made(key) {
  const item = document.createElement('li');
  item.setAttribute('role', 'treeitem');
  item.tabIndex = -1;
  item.dataset.key = key;
  return item;
}

/**
 * @param {HTMLLIElement} element
 * @param {Item} item
 */
function filled(element, item) {
  if (element.textContent !== item.text) element.textContent = item.text;
  element.setAttribute('aria-level', String(item.level));
  set(element, 'aria-expanded', item.expanded);
  set(element, 'aria-selected', item.selected);
  set(element, 'aria-description', item.about);
  element.classList.toggle('grey', item.grey ?? false);
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string | boolean | undefined} value
 */
function set(element, name, value) {
  if (value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, String(value));
}

/** @param {EventTarget | null} target */
function keyOf(target) {
  const item = target instanceof HTMLElement ? target.closest('[role=treeitem]') : null;
  return item instanceof HTMLElement ? (item.dataset.key ?? null) : null;
}

/** Small helpers for the document. Data is inserted as text, never as markup. */

/**
 * The element with an id, which the page is known to have.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/**
 * The element of a class with an id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byIdOf(id, kind) {
  const found = byId(id);
  if (!(found instanceof kind)) throw new Error(`element ${id} is no ${kind.name}`);
  return found;
}

/**
 * A new element with attributes and children; text children are inserted as text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | null | undefined>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children);
  return made;
}

/**
 * A button with a name and an action.
 * @param {string} name
 * @param {() => void} action
 * @param {Record<string, string>} attributes
 */
export function button(name, action, attributes = {}) {
  const made = el('button', { type: 'button', ...attributes }, name);
  made.addEventListener('click', action);
  return made;
}

/**
 * Show or hide an element.
 * @param {HTMLElement} element
 * @param {boolean} on
 */
export function show(element, on) {
  element.hidden = !on;
}

/** Whether the user asked for less motion. */
export function reducedMotion() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/**
 * Whether keys typed into this element are text.
 * @param {EventTarget | null} target
 */
export function takesText(target) {
  return target instanceof HTMLElement && (target.matches('input, textarea, select') || target.isContentEditable);
}

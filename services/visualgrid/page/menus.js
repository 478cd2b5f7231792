/** Menu buttons: a button that opens a `menu`, whose items are moved through with the arrow keys. */

import { el, show } from './dom.js';

/**
 * Make a button open a menu.
 * @param {HTMLElement} opener
 * @param {Record<string, () => void>} actions item name -> what it does
 */
export function attachMenu(opener, actions) {
  const name = opener.textContent ?? '';
  const items = Object.entries(actions).map(([text, action]) => {
    const item = el('button', { type: 'button', role: 'menuitem', tabindex: '-1' }, text);
    item.addEventListener('click', () => {
      close();
      action();
    });
    return item;
  });
  const menu = el('div', { role: 'menu', 'aria-label': name, class: 'menu', hidden: true }, ...items);
  opener.setAttribute('aria-haspopup', 'menu');
  opener.setAttribute('aria-expanded', 'false');
  opener.after(menu);

  const close = () => {
    show(menu, false);
    opener.setAttribute('aria-expanded', 'false');
    opener.focus();
  };
  opener.addEventListener('click', () => {
    if (!menu.hidden) return close();
    show(menu, true);
    opener.setAttribute('aria-expanded', 'true');
    items[0]?.focus();
  });
  menu.addEventListener('keydown', (event) => {
    const place = items.findIndex((item) => item === document.activeElement);
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: items.length - 1 };
    const target = moves[event.key];
    if (target !== undefined) items[(target + items.length) % items.length]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  });
  menu.addEventListener('focusout', (event) => {
    if (event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget) && event.relatedTarget !== opener) {
      show(menu, false);
      opener.setAttribute('aria-expanded', 'false');
    }
  });
}

/** The legend: the kinds on the canvas, each of which can be hidden. */

/** @import { Graph } from './model.js' */

import { byId, el, show } from './dom.js';
import { hueOf } from './palette.js';

/**
 * Attach the legend to its button.
 * @param {Graph} graph
 * @param {() => void} changed
 */
export function attachLegend(graph, changed) {
  const opener = byId('legend-button');
  const panel = byId('legend');

  const render = () => {
    if (panel.hidden) return;
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const { kind } of graph.nodes.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const items = [...counts].map(([kind, count]) => itemOf(kind, count));
    const empty = el('p', {}, 'Kinds appear here once records are on the canvas.');
    panel.replaceChildren(items.length > 0 ? el('ul', { 'aria-label': 'Kinds' }, ...items) : empty);
  };
  /** @param {string} kind @param {number} count */
  const itemOf = (kind, count) => {
    const box = el('input', { type: 'checkbox', checked: !graph.hidden.has(kind) });
    box.addEventListener('change', () => {
      if (box.checked) graph.hidden.delete(kind);
      else graph.hidden.add(kind);
      graph.changed();
      changed();
    });
    const swatch = el('span', { class: `swatch hue-${hueOf(kind)}`, 'aria-hidden': 'true' });
    return el('li', {}, el('label', {}, box, swatch, ` ${kind} (${count})`));
  };
  opener.addEventListener('click', () => {
    show(panel, panel.hidden);
    opener.setAttribute('aria-expanded', String(!panel.hidden));
    render();
  });
  let shown = '';
  graph.subscribe(() => {
    const key = [...graph.nodes.values()].map(({ kind }) => kind).join();
    if (key !== shown) render();
    shown = key;
  });
}

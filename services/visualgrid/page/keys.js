/** Keys of the page, wherever the focus is, except where text is typed. */

/** @import { GraphNode } from './model.js' */

import { takesText } from './dom.js';

/** @typedef {'left' | 'right' | 'up' | 'down'} Way */

/**
 * @typedef {object} Commands
 * @property {() => void} find
 * @property {() => void} fit
 * @property {() => void} undo
 * @property {() => void} help
 * @property {() => void} expand
 * @property {() => void} collapse
 * @property {() => void} details
 * @property {() => void} close
 * @property {(way: Way) => void} move
 * @property {(way: Way) => void} push
 */

/** @type {Record<string, Way>} */
const WAYS = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' };

/**
 * Follow the keyboard.
 * @param {Commands} commands
 * @param {HTMLElement} canvas where arrows go from node to node
 */
export function followKeys(commands, canvas) {
  /** @type {Record<string, () => void>} */
  const letters = {
    '/': commands.find,
    f: commands.fit,
    u: commands.undo,
    '?': commands.help,
    e: commands.expand,
    c: commands.collapse,
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector('dialog[open], #gate:not([hidden])')) return;
    if (event.key === 'Escape') return commands.close();
    if (takesText(event.target)) return;
    const onCanvas = event.target === canvas;
    const way = WAYS[event.key];
    const command = letters[event.key] ?? (onCanvas && event.key === 'Enter' ? commands.details : undefined);
    if (onCanvas && way && event.shiftKey) commands.push(way);
    else if (onCanvas && way) commands.move(way);
    else if (command) command();
    else return;
    event.preventDefault();
  });
}

/**
 * Move a node by one step and keep it there.
 * @param {GraphNode} node
 * @param {Way} way
 * @param {number} step
 */
export function pushed(node, way, step) {
  const dx = { left: -step, right: step, up: 0, down: 0 }[way];
  const dy = { left: 0, right: 0, up: -step, down: step }[way];
  Object.assign(node, { x: node.x + dx, y: node.y + dy, placed: true });
}

/**
 * The nearest node in a direction: as little aside as possible, then as near as possible.
 * @param {{x: number, y: number}} from
 * @param {GraphNode[]} nodes
 * @param {Way} way
 */
export function nearest(from, nodes, way) {
  let found = null;
  let least = Infinity;
  for (const node of nodes) {
    const [dx, dy] = [node.x - from.x, node.y - from.y];
    const along = { left: -dx, right: dx, up: -dy, down: dy }[way];
    const aside = way === 'left' || way === 'right' ? Math.abs(dy) : Math.abs(dx);
    const cost = along + 2 * aside;
    if (along > 0 && aside <= 2 * along && cost < least) [found, least] = [node, cost];
  }
  return found;
}

/** Puts the page together: one module for each concern, and here what they have to do with one another. */

/** @import { GraphNode } from './model.js' */
/** @import { ServiceTables } from './types.js' */

import { viewFrom, viewOf, textOf as addressOf } from './address.js';
import { GraphCanvas } from './canvas.js';
import { Catalogue } from './catalogue.js';
import { Compare } from './compare.js';
import { copy, curlText, idText, keysText } from './copying.js';
import { Details } from './details.js';
import { byId, byIdOf, show } from './dom.js';
import { Explorer } from './explorer.js';
import { saveExport, savePicture } from './exporting.js';
import { Find } from './find.js';
import { HistoryView } from './history-view.js';
import { followKeys, nearest, pushed } from './keys.js';
import { Layout } from './layout.js';
import { attachLegend } from './legend.js';
import { Maintenance } from './maintenance.js';
import { attachMenu } from './menus.js';
import { Graph, idOf } from './model.js';
import { Outline } from './outline.js';
import { followPointer } from './pointer.js';
import { Records } from './records.js';
import { Services } from './services.js';
import { Session } from './session.js';
import { explainShortage } from './shortage.js';
import { showStart } from './start.js';
import { Tables } from './tables.js';
import { Tabs } from './tabs.js';
import { TimeLine } from './timeline.js';
import { Work } from './work.js';

const ORDER_KINDS = ['reservation', 'allocation', 'commit'];
/** How far a key moves a node on the screen. */
const PUSH_PIXELS = 20;

/** Whether the canvas goes on showing the whole graph: until a person looks at a part of it. */
let showsWhole = false;

const graph = new Graph();
const element = byIdOf('canvas', HTMLCanvasElement);
const maintenance = new Maintenance(byId('maintenance'));
const work = new Work(byId('status'), byId('alert'), maintenance, countText);
const catalogue = new Catalogue();
const canvas = new GraphCanvas(element, graph);
const layout = new Layout(
  graph,
  () => canvas.draw(),
  (on) => {
    element.setAttribute('aria-busy', String(on));
    if (!on) showWhole();
  },
);
const explorer = new Explorer(graph, work, catalogue, pending, settled);
const records = new Records(
  work,
  (node) => void explorer.put([node]),
  () => timeLine.close(),
);
const find = new Find(explorer, records);
const history = new HistoryView(work, (trace) => void find.find(`trace:${trace}`));
const details = new Details(graph, explorer, history);
const timeLine = new TimeLine(explorer);
const compare = new Compare(explorer);
const tables = new Tables((table) => void openTable(table));
const services = new Services(graph, tables, (found) => void start(found));
const columns = new Tabs(byId('columns'), showColumn);
const expand = (/** @type {GraphNode} */ node) => void explorer.expand(node);
const collapse = (/** @type {GraphNode} */ node) => explorer.collapse(node);
new Outline(graph, { select: (node) => choose(node), expand, collapse, details: () => details.focus() });
const session = new Session(() => void begin(), maintenance);
work.expired = (/** @type {() => void} */ again) => session.expired(again);

graph.subscribe(() => {
  canvas.draw();
  work.refresh();
  show(byId('start'), graph.nodes.size === 0);
  for (const each of document.querySelectorAll('.needs-node')) {
    if (each instanceof HTMLButtonElement) each.disabled = graph.selection === null;
  }
  show(byId('why-short'), graph.selection?.kind === 'balance');
  show(byId('timeline-button'), ORDER_KINDS.includes(graph.selection?.kind ?? ''));
  keepAddress();
});
new ResizeObserver(showWhole).observe(element);
for (const name of ['pointerdown', 'wheel']) element.addEventListener(name, () => (showsWhole = false), { passive: true });
followPointer(element, canvas, graph, layout, expand);
attachLegend(graph, () => canvas.draw());
attachButtons();
followKeys(
  {
    find: () => find.focus(),
    fit: () => canvas.fit(),
    undo: () => explorer.undo(),
    help: () => byIdOf('keyboard', HTMLDialogElement).showModal(),
    expand: () => withSelection(expand),
    collapse: () => withSelection(collapse),
    details: () => details.focus(),
    close: closeOpen,
    move: (way) => {
      const from = graph.selection ?? { x: canvas.camera.x, y: canvas.camera.y };
      const node = nearest(from, graph.shown(), way) ?? (graph.selection ? null : graph.shown()[0]);
      if (node) choose(node);
    },
    push: (way) =>
      withSelection((node) => {
        pushed(node, way, PUSH_PIXELS / canvas.camera.zoom);
        canvas.draw();
      }),
  },
  element,
);
addEventListener('hashchange', () => {
  if (location.hash.slice(1) !== lastAddress) void restore();
});

let lastAddress = location.hash.slice(1);
let restoring = false;

/** Load the tables and the view that the address names; called after the first sign-in. */
async function begin() {
  find.focus();
  const loaded = await work.attempt(async () => {
    const [found] = await Promise.all([services.load(), catalogue.load()]);
    return found;
  });
  if (!loaded) return;
  for (const { table, entity_types } of loaded.flatMap((service) => service.tables)) {
    records.kindsOf[table] = entity_types;
  }
  // Somebody may have searched meanwhile: then the address names what is shown already, and restoring it would take the
  // selection away.
  if (graph.nodes.size === 0) await restore();
  await start(loaded);
}

/**
 * Show where to start, as long as nothing is on the canvas.
 * @param {ServiceTables[]} found
 */
async function start(found) {
  if (graph.nodes.size === 0) await showStart(found, explorer, (table) => void openTable(table));
}

/** Show the view that the address names. */
async function restore() {
  const view = viewOf(location.hash);
  restoring = true;
  try {
    if (view.table && view.table !== records.table) await openTable(view.table);
    for (const ref of view.opened) await explorer.open(ref);
    for (const { ref, steps } of view.expanded) {
      const node = graph.nodes.get(idOf(ref));
      if (node && !graph.expanded.has(node.id)) await explorer.expandAs(node, steps);
    }
    const selected = view.selected && graph.nodes.get(idOf(view.selected));
    if (selected) choose(selected);
  } finally {
    restoring = false;
  }
  keepAddress();
}

function keepAddress() {
  if (restoring) return;
  const address = addressOf(viewFrom(graph, records.table));
  if (address === lastAddress) return;
  lastAddress = address;
  window.history.replaceState(null, '', `#${address}`);
}

/** @param {string} table */
async function openTable(table) {
  tables.mark(table);
  await records.openTable(table);
  keepAddress();
}

/** @param {GraphNode} node */
function choose(node) {
  showsWhole = false;
  graph.select(node.id);
  canvas.centre(node);
}

/** @param {(node: GraphNode) => void} action */
function withSelection(action) {
  if (graph.selection) action(graph.selection);
  else work.say('Select a node first');
}

/**
 * @param {string} id
 * @param {boolean} on
 */
function pending(id, on) {
  if (on) canvas.pending.add(id);
  else canvas.pending.delete(id);
  canvas.draw();
}

/** Nodes came or went: lay the graph out anew, and show all of a small one. */
function settled() {
  layout.run();
  showsWhole = graph.nodes.size > 1;
  showWhole();
  if (!showsWhole && graph.selection) canvas.centre(graph.selection);
}

function showWhole() {
  if (showsWhole) canvas.fit();
}

function countText() {
  const shown = graph.shown().length;
  const hidden = graph.nodes.size - shown;
  return hidden > 0 ? `${shown} nodes, ${hidden} hidden` : `${shown} nodes`;
}

/** Close what is open beside the graph. */
function closeOpen() {
  if (!byId('legend').hidden) byId('legend-button').click();
  else if (!byId('timeline-panel').hidden) timeLine.close();
  else graph.select(null);
}

function showColumn() {
  document.body.dataset.column = columns.current;
}

/** @param {string} text */
async function copied(text) {
  work.say((await copy(text)) ? 'Copied' : 'The browser does not allow copying');
}

function attachButtons() {
  /** @type {Record<string, () => void>} */
  const actions = {
    'expand-button': () => withSelection(expand),
    'expand-all-button': () => withSelection((node) => void explorer.expandAll(node)),
    'collapse-button': () => withSelection(collapse),
    'undo-button': () => explorer.undo(),
    'fit-button': () => canvas.fit(),
    'compare-button': () => withSelection((node) => void compare.open(node)),
    'timeline-button': () => withSelection((node) => void timeLine.show(node)),
    'why-short': () => withSelection((node) => void explainShortage(explorer, node)),
  };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener('click', action);
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.querySelector('.close')?.addEventListener('click', () => dialog.close());
  }
  attachMenu(byId('export-button'), {
    JSON: () => saveExport(explorer, 'json'),
    CSV: () => saveExport(explorer, 'csv'),
    GraphML: () => saveExport(explorer, 'graphml'),
    Picture: () => savePicture(explorer, element),
  });
  attachMenu(byId('copy-button'), {
    Id: () => withSelection((node) => void copied(idText(node))),
    Keys: () => withSelection((node) => void copied(keysText(node))),
    curl: () => withSelection((node) => void copied(curlText(node, location.origin))),
  });
}

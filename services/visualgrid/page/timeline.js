/** The time line: the histories of everything within two hops of a record, one lane for each service. */

/** @import { HistoryItem } from './types.js' */
/** @import { Explorer } from './explorer.js' */
/** @import { GraphNode } from './model.js' */
/** @import { PlacedMoment } from './moments.js' */

import { call } from './api.js';
import { button, byId, el, show } from './dom.js';
import { placed } from './moments.js';

const HOPS = 2;
const NEIGHBOURS_MAX = 25;
const RECORDS_MAX = 80;
const AT_ONCE = 6;
const HISTORY_ITEMS = 50;

/** The region "Time line". */
export class TimeLine {
  #panel = byId('timeline-panel');
  #lanes = byId('timeline');
  #note = byId('timeline-note');
  #explorer;

  /** @param {Explorer} explorer */
  constructor(explorer) {
    this.#explorer = explorer;
    byId('timeline-close').addEventListener('click', () => this.close());
  }

  /** Back to the present, and to the records. */
  close() {
    show(this.#panel, false);
    show(byId('records-panel'), true);
    this.#goTo(null, '');
  }

  /** @param {GraphNode} start */
  async show(start) {
    const { work } = this.#explorer;
    const around = await work.attempt(() => this.#around(start), start.service);
    if (!around) return;
    const found = await work.attempt(() => histories(around.nodes), 'every service');
    if (!found) return;
    show(byId('records-panel'), false);
    show(this.#panel, true);
    this.#render(placed(found.moments));
    const cut = around.complete && found.complete ? 'complete' : 'not complete: there are more records or changes';
    this.#note.textContent = `${found.moments.length} changes of ${around.nodes.length} records, ${cut}.`;
    work.say(`Time line of ${start.label}`);
    this.#panel.querySelector('button')?.focus();
  }

  /**
   * The records within two hops. Hubs end a walk, since everything meets there.
   * @param {GraphNode} start
   */
  async #around(start) {
    /** @type {Map<string, GraphNode>} */
    const nodes = new Map([[start.id, start]]);
    let level = [start];
    let complete = true;
    this.#explorer.graph.remember();
    for (let hop = 0; hop < HOPS; hop += 1) {
      /** @type {GraphNode[]} */
      const next = [];
      for (const node of level.filter((each) => each.service !== 'stack')) {
        const page = await call('node/children', { ...node.ref, limit: NEIGHBOURS_MAX });
        complete &&= page.next_token === null && page.unavailable.length === 0;
        this.#explorer.graph.addChildren(node.id, page.items);
        for (const { node: child } of page.items) {
          const added = this.#explorer.graph.add(child, node.id);
          if (added && !nodes.has(added.id) && nodes.size < RECORDS_MAX) {
            nodes.set(added.id, added);
            next.push(added);
          } else if (added && !nodes.has(added.id)) complete = false;
        }
      }
      level = next;
    }
    this.#explorer.put([]);
    return { nodes: [...nodes.values()].filter((node) => node.service !== 'stack'), complete };
  }

  /** @param {PlacedMoment[]} moments */
  #render(moments) {
    const services = [...new Set(moments.map((moment) => moment.service))];
    const lanes = services.map((service) => {
      const own = moments.filter((moment) => moment.service === service);
      const items = own.map((moment) => this.#markOf(moment));
      return el('li', { class: 'lane' }, el('span', { class: 'lane-name' }, service), el('ul', {}, ...items));
    });
    this.#lanes.replaceChildren(...lanes);
  }

  /** @param {PlacedMoment} moment */
  #markOf(moment) {
    const time = new Date(moment.at).toLocaleString();
    const name = `${time} ${moment.action} ${moment.label}${moment.gap ? ' (after a gap)' : ''}`;
    const mark = button(moment.action.split('.').slice(-2).join(' '), () => this.#goTo(moment.at, name), {
      'aria-label': name,
      title: name,
      class: moment.gap ? 'moment gap' : 'moment',
    });
    const item = el('li', {}, mark);
    item.style.setProperty('--place', String(moment.place));
    mark.addEventListener('click', () => this.#explorer.graph.select(moment.node));
    return item;
  }

  /**
   * Show the graph as it was; null for the present.
   * @param {string | null} at
   * @param {string} name
   */
  #goTo(at, name) {
    this.#explorer.graph.asOf = at;
    this.#explorer.graph.changed();
    this.#explorer.work.say(at === null ? 'The graph as it is now' : `The graph as it was at ${name}`);
  }
}

/**
 * The moments in the histories of records.
 * @param {GraphNode[]} nodes
 */
async function histories(nodes) {
  /** @type {import('./moments.js').Moment[]} */
  const moments = [];
  let complete = true;
  for (let start = 0; start < nodes.length; start += AT_ONCE) {
    const part = nodes.slice(start, start + AT_ONCE);
    const pages = await Promise.all(
      part.map((node) => call('node/history', { ...node.ref, limit: HISTORY_ITEMS }).catch(() => null)),
    );
    part.forEach((node, place) => {
      const page = pages[place];
      complete &&= page !== null && !page.has_more;
      for (const item of /** @type {HistoryItem[]} */ (page?.items ?? [])) {
        const { service, id, label } = node;
        moments.push({ at: item.at_utc, service, node: id, label: `${node.kind} ${label}`, action: item.action });
      }
    });
  }
  return { moments, complete };
}

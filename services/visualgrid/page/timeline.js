/** The region "Time line": one lane for each service, and the graph as it was at a moment. */

/** @import { HistoryItem } from './types.js' */
/** @import { Explorer } from './explorer.js' */
/** @import { GraphNode } from './model.js' */
/** @import { PlacedMoment } from './moments.js' */

import { button, byId, el, show } from './dom.js';
import { historiesOf, recordsAround } from './life.js';
import { asOf, placed } from './moments.js';

/** The region. */
export class TimeLine {
  #panel = byId('timeline-panel');
  #lanes = byId('timeline');
  #note = byId('timeline-note');
  #explorer;
  /** @type {Map<string, HistoryItem[]>} */
  #histories = new Map();

  /** @param {Explorer} explorer */
  constructor(explorer) {
    this.#explorer = explorer;
    byId('timeline-close').addEventListener('click', () => this.close());
  }

  /** Back to the present, and to the records. */
  close() {
    if (this.#panel.hidden) return;
    show(this.#panel, false);
    show(byId('records-panel'), byId('records-heading').textContent !== '');
    this.#goTo(null, '');
  }

  /** @param {GraphNode} start */
  async show(start) {
    const { work, graph } = this.#explorer;
    graph.remember();
    const around = await work.attempt(() => recordsAround(graph, start), start.service);
    this.#explorer.laidOut();
    if (!around) return;
    const told = await work.attempt(() => historiesOf(around.nodes), 'every service');
    if (!told) return;
    this.#histories = told.histories;
    show(byId('records-panel'), false);
    show(this.#panel, true);
    this.#render(placed(told.moments));
    const cut = around.complete && told.complete ? 'complete' : 'not complete: there are more records or changes';
    this.#note.textContent = `${told.moments.length} changes of ${around.nodes.length} records, ${cut}.`;
    work.say(`Time line of ${start.label}`);
    this.#panel.querySelector('button')?.focus();
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
    const go = () => {
      this.#explorer.graph.select(moment.node);
      this.#goTo(moment.at, name);
    };
    const mark = button(moment.action.split('.').slice(-2).join(' '), go, {
      'aria-label': name,
      title: name,
      class: moment.gap ? 'moment gap' : 'moment',
    });
    const item = el('li', {}, mark);
    item.style.setProperty('--place', String(moment.place));
    return item;
  }

  /**
   * Show the graph as it was; null for the present.
   * @param {string | null} at
   * @param {string} name
   */
  #goTo(at, name) {
    const { graph, work } = this.#explorer;
    graph.asOf = at;
    graph.past = at === null ? new Map() : this.#fieldsAt(at);
    graph.changed();
    work.say(at === null ? 'The graph as it is now' : `The graph as it was at ${name}`);
  }

  /**
   * The fields that records had at a time, as far as their histories reach.
   * @param {string} at
   */
  #fieldsAt(at) {
    const { graph } = this.#explorer;
    return new Map(
      [...this.#histories].flatMap(([id, history]) => {
        const node = graph.nodes.get(id);
        return node ? [[id, asOf(node.node.properties, history, at)]] : [];
      }),
    );
  }
}

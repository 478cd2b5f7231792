/** Draws the graph, as often as it changes and no oftener than the screen is painted. */

/** @import { Graph, GraphNode } from './model.js' */

import { Camera } from './camera.js';
import { reducedMotion } from './dom.js';
import { colourOf } from './palette.js';

export const RADIUS = 9;
const HUB_RADIUS = 13;
/** How far beside a small node a pointer may be. */
const REACH_PIXELS = 10;
const LABEL_ZOOM = 0.8;
const LABELLED_NODES_MAX = 60;
const LABEL_LENGTH_MAX = 36;
const EDGE_NAMES_MAX = 40;
const LABEL_PIXELS_MAX = 260;
/** Below one pixel, so that lines are drawn as hairlines. */
const LINE_PIXELS = 0.95;
const HOLLOW_PIXELS = 2;
/** A dash and a gap of the edges of a service that is down. */
const DASH_PIXELS = [6, 4];

/** The canvas of a graph. */
export class GraphCanvas {
  camera = new Camera();
  /**
   * Nodes that wait for an answer.
   * @type {Set<string>}
   */
  pending = new Set();
  #canvas;
  #context;
  #graph;
  #asked = false;
  #dark = matchMedia('(prefers-color-scheme: dark)');

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Graph} graph
   */
  constructor(canvas, graph) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('this browser has no canvas');
    this.#canvas = canvas;
    this.#context = context;
    this.#graph = graph;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#dark.addEventListener('change', () => this.draw());
    this.#resize();
  }

  /** Draw before the next paint. */
  draw() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame((time) => {
      this.#asked = false;
      this.#paint(time);
    });
  }

  /** Show the whole graph. */
  fit() {
    this.camera.fit(this.#graph.shown());
    this.draw();
  }

  /**
   * Bring a node to the middle.
   * @param {GraphNode} node
   */
  centre(node) {
    this.camera.x = node.x;
    this.camera.y = node.y;
    this.draw();
  }

  /**
   * The nearest node at a place of the canvas.
   * @param {{x: number, y: number}} place
   */
  nodeAt(place) {
    const point = this.camera.toGraph(place);
    let reach = Math.max(HUB_RADIUS, REACH_PIXELS / this.camera.zoom);
    let found = null;
    for (const node of this.#graph.nodes.values()) {
      const distance = Math.hypot(node.x - point.x, node.y - point.y);
      if (distance <= reach && this.#graph.isShown(node)) [found, reach] = [node, distance];
    }
    return found;
  }

  #resize() {
    const { width, height } = this.#canvas.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.max(1, Math.round(width * ratio));
    this.#canvas.height = Math.max(1, Math.round(height * ratio));
    Object.assign(this.camera, { width: Math.max(1, width), height: Math.max(1, height) });
    this.draw();
  }

  /** @param {number} time */
  #paint(time) {
    const context = this.#context;
    const ratio = devicePixelRatio || 1;
    const { x, y, zoom, width, height } = this.camera;
    const nodes = this.#graph.shown();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.translate(width / 2, height / 2);
    context.scale(zoom, zoom);
    context.translate(-x, -y);
    this.#paintLinks(context);
    this.#paintNodes(context, nodes);
    this.#paintMarks(context, time);
    if (zoom >= LABEL_ZOOM || nodes.length <= LABELLED_NODES_MAX) this.#paintLabels(nodes);
    if (this.pending.size > 0 && !reducedMotion()) this.draw();
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintLinks(context) {
    const selected = this.#graph.selected;
    const [plain, strong] = [this.#dark.matches ? '#5b6775' : '#a3adb8', this.#text()];
    /** @type {{edge: string, x: number, y: number}[]} */
    const named = [];
    context.lineWidth = LINE_PIXELS / this.camera.zoom;
    const dash = DASH_PIXELS.map((pixels) => pixels / this.camera.zoom);
    const someDown = this.#graph.down.size > 0;
    // One path for each line: software rendering takes a second for a single path of thousands of crossing lines.
    for (const link of this.#graph.shownLinks()) {
      const [from, to] = [this.#graph.nodes.get(link.from), this.#graph.nodes.get(link.to)];
      if (!from || !to) continue;
      const touched = link.from === selected || link.to === selected;
      context.strokeStyle = touched ? strong : plain;
      if (someDown) context.setLineDash(this.#graph.isCut(link) ? dash : []);
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      context.stroke();
      if (touched) named.push({ edge: link.edge, x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 });
    }
    context.setLineDash([]);
    if (named.length > EDGE_NAMES_MAX) return;
    this.#paintTexts('center', named.map(({ edge, x, y }) => ({ text: edge, ...this.camera.toScreen({ x, y }) })));
  }

  /**
   * Texts in pixels of the screen: glyphs of one size are kept, those of a scaled canvas are made anew in each frame.
   * @param {CanvasTextAlign} align
   * @param {{text: string, x: number, y: number}[]} texts
   */
  #paintTexts(align, texts) {
    const context = this.#context;
    const ratio = devicePixelRatio || 1;
    context.save();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = '12px system-ui, sans-serif';
    context.textAlign = align;
    context.fillStyle = this.#text();
    for (const { text, x, y } of texts) context.fillText(text, x, y - 3);
    context.restore();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {GraphNode[]} nodes
   */
  #paintNodes(context, nodes) {
    // One path for each node: a path of thousands of circles takes software rendering several times as long.
    const dark = this.#dark.matches;
    for (const node of nodes) {
      context.beginPath();
      context.arc(node.x, node.y, radiusOf(node), 0, 2 * Math.PI);
      const colour = colourOf(node.kind, dark);
      if (node.deleted) {
        context.strokeStyle = colour;
        context.lineWidth = HOLLOW_PIXELS;
        context.stroke();
      } else {
        context.fillStyle = colour;
        context.fill();
      }
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} time
   */
  #paintMarks(context, time) {
    context.strokeStyle = this.#text();
    for (const node of this.#graph.nodes.values()) {
      const pending = this.pending.has(node.id);
      if (!pending && node.id !== this.#graph.selected) continue;
      const pulse = pending && !reducedMotion() ? 3 * (1 + Math.sin(time / 150)) : 0;
      context.lineWidth = 3;
      context.beginPath();
      context.arc(node.x, node.y, radiusOf(node) + 4 + pulse, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  /** @param {GraphNode[]} nodes */
  #paintLabels(nodes) {
    const { width, height, zoom } = this.camera;
    const texts = [];
    for (const node of nodes) {
      const { x, y } = this.camera.toScreen(node);
      if (x < -LABEL_PIXELS_MAX || x > width || y < 0 || y > height) continue;
      const text = node.label.length > LABEL_LENGTH_MAX ? `${node.label.slice(0, LABEL_LENGTH_MAX - 1)}…` : node.label;
      texts.push({ text, x: x + radiusOf(node) * zoom + 4, y: y + 7 });
    }
    this.#paintTexts('left', texts);
  }

  #text() {
    return this.#dark.matches ? '#e8edf2' : '#1b2733';
  }
}

/** @param {GraphNode} node */
function radiusOf(node) {
  return node.service === 'stack' ? HUB_RADIUS : RADIUS;
}

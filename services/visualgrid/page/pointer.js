/** What a mouse, pen or finger does on the canvas: select, drag and pin, expand, pan, zoom. */

/** @import { GraphCanvas } from './canvas.js' */
/** @import { Graph, GraphNode } from './model.js' */
/** @import { Layout } from './layout.js' */

const DRAG_PIXELS_MIN = 3;
const ZOOM_STEP = 1.0015;

/**
 * @param {HTMLCanvasElement} element
 * @param {GraphCanvas} canvas
 * @param {Graph} graph
 * @param {Layout} layout
 * @param {(node: GraphNode) => void} expand
 */
export function followPointer(element, canvas, graph, layout, expand) {
  /** @type {{node: GraphNode | null, x: number, y: number, moved: boolean} | null} */
  let held = null;

  element.addEventListener('pointerdown', (event) => {
    const place = placeOf(event);
    held = { node: canvas.nodeAt(place), ...place, moved: false };
    layout.held = held.node?.id ?? null;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener('pointermove', (event) => {
    const place = placeOf(event);
    if (!held) {
      element.classList.toggle('over-node', canvas.nodeAt(place) !== null);
      return;
    }
    const [dx, dy] = [place.x - held.x, place.y - held.y];
    if (!held.moved && Math.hypot(dx, dy) < DRAG_PIXELS_MIN) return;
    Object.assign(held, { moved: true, x: place.x, y: place.y });
    if (held.node) Object.assign(held.node, canvas.camera.toGraph(place), { placed: true });
    else canvas.camera.pan(dx, dy);
    canvas.draw();
  });
  const release = () => {
    if (held && !held.moved && held.node) graph.select(held.node.id);
    held = null;
    layout.held = null;
  };
  element.addEventListener('pointerup', release);
  element.addEventListener('pointercancel', () => (held = null));
  element.addEventListener('dblclick', (event) => {
    const node = canvas.nodeAt(placeOf(event));
    if (node) expand(node);
  });
  element.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      canvas.camera.zoomAt(Math.pow(ZOOM_STEP, -event.deltaY), placeOf(event));
      canvas.draw();
    },
    { passive: false },
  );
}

/** @param {MouseEvent} event */
function placeOf(event) {
  return { x: event.offsetX, y: event.offsetY };
}

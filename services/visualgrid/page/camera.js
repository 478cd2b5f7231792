/** Which part of the graph the canvas shows. */

export const ZOOM_MIN = 0.05;
export const ZOOM_MAX = 4;
const MARGIN = 60;

/** A camera: the point of the graph in the middle of the canvas, and the zoom. */
export class Camera {
  x = 0;
  y = 0;
  zoom = 1;
  width = 1;
  height = 1;

  /**
   * Where a point of the graph is on the canvas.
   * @param {{x: number, y: number}} point
   */
  toScreen({ x, y }) {
    return { x: (x - this.x) * this.zoom + this.width / 2, y: (y - this.y) * this.zoom + this.height / 2 };
  }

  /**
   * Which point of the graph is at a place of the canvas.
   * @param {{x: number, y: number}} place
   */
  toGraph({ x, y }) {
    return { x: (x - this.width / 2) / this.zoom + this.x, y: (y - this.height / 2) / this.zoom + this.y };
  }

  /**
   * Move by a distance on the canvas.
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.x -= dx / this.zoom;
    this.y -= dy / this.zoom;
  }

  /**
   * Zoom, keeping the point under a place of the canvas where it is.
   * @param {number} factor
   * @param {{x: number, y: number}} place
   */
  zoomAt(factor, place) {
    const before = this.toGraph(place);
    this.zoom = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, this.zoom * factor));
    const after = this.toGraph(place);
    this.x += before.x - after.x;
    this.y += before.y - after.y;
  }

  /**
   * Show all of these points.
   * @param {{x: number, y: number}[]} points
   */
  fit(points) {
    if (points.length === 0) return;
    const [left, right] = extent(points.map(({ x }) => x));
    const [top, bottom] = extent(points.map(({ y }) => y));
    this.x = (left + right) / 2;
    this.y = (top + bottom) / 2;
    const across = Math.max(1, this.width - 2 * MARGIN) / Math.max(1, right - left);
    const down = Math.max(1, this.height - 2 * MARGIN) / Math.max(1, bottom - top);
    this.zoom = Math.min(1.5, Math.max(ZOOM_MIN, Math.min(across, down)));
  }
}

/**
 * @param {number[]} values
 * @returns {[number, number]}
 */
function extent(values) {
  return values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [
    Infinity,
    -Infinity,
  ]);
}

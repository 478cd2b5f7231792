"""What the canvas has painted last, since a picture has no roles and names."""

from typing import Self

from playwright.async_api import Page

from tests.waiting import until

# Counts the lines and circles of each frame; a frame begins by clearing the canvas. Circles are nodes where they are
# filled or, for deleted ones, drawn with a line of two pixels; the mark around the selected node is three pixels wide.
_COUNT = """() => {
  const paint = CanvasRenderingContext2D.prototype;
  const { clearRect, arc, lineTo, stroke, fill } = paint;
  let circle = false;
  let outside = false;
  window.painted = {};
  const count = (name) => (window.painted[name] += 1);
  Object.assign(paint, {
    clearRect(...area) {
      window.painted = { dashed: 0, plain: 0, hollow: 0, filled: 0, outside: 0 };
      clearRect.apply(this, area);
    },
    arc(...shape) {
      circle = true;
      const { x, y } = this.getTransform().transformPoint({ x: shape[0], y: shape[1] });
      outside = x < 0 || y < 0 || x > this.canvas.width || y > this.canvas.height;
      arc.apply(this, shape);
    },
    lineTo(...place) {
      circle = false;
      lineTo.apply(this, place);
    },
    stroke() {
      if (!circle) count(this.getLineDash().length > 0 ? 'dashed' : 'plain');
      else if (this.lineWidth === 2) count('hollow');
      stroke.call(this);
    },
    fill() {
      count('filled');
      if (outside) count('outside');
      fill.call(this);
    },
  });
}"""


class Painting:
    """The shapes of the canvas' last frame, by name: dashed and plain lines, hollow and filled circles.

    `outside` are filled circles that cannot be seen.
    """

    def __init__(self, page: Page) -> None:
        self._page = page

    @classmethod
    async def of(cls, page: Page) -> Self:
        """Watch a page's canvas from now on."""
        await page.evaluate(_COUNT)
        return cls(page)

    async def until(self, **shapes: int) -> None:
        """Wait until a frame has the given number of these shapes."""
        seen: dict[str, int] = {}

        async def painted() -> bool:
            nonlocal seen
            seen = await self._page.evaluate("window.painted")
            return shapes.items() <= seen.items()

        await until(painted, 10, lambda: f"painted: {seen}, awaited: {shapes}")

/** Colours of kinds: the same kind has the same colour for everybody, always. */

const HUES = 24;

/**
 * A number for a kind.
 * @param {string} kind
 */
export function hueOf(kind) {
  let hash = 7;
  for (const letter of kind) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return ((hash * 11) % HUES) * (360 / HUES);
}

/**
 * The fill of a kind's nodes.
 * @param {string} kind
 * @param {boolean} dark
 */
export function colourOf(kind, dark) {
  return `hsl(${hueOf(kind)} 60% ${dark ? 65 : 40}%)`;
}

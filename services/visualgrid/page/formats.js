/** The formats of an export of the canvas: those of VisualGrid's own exports, as the contract describes them. */

/** @import { GraphLink, GraphNode } from './model.js' */

/**
 * @typedef {'json' | 'csv' | 'graphml'} Format
 * @typedef {{type: string, write: (nodes: GraphNode[], links: GraphLink[]) => string}} Writer
 */

const NODE_KEYS = ['service_code', 'table', 'entity_type', 'label', 'pk', 'sk', 'revision', 'properties'];
const COLUMNS = ['row', 'id', ...NODE_KEYS.slice(0, -1), 'edge', 'source', 'target', 'properties'];

/** What XML 1.0 does not allow. */
const NOT_IN_XML = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;

/** A cell that a spreadsheet would run. */
const RUNS_IN_SHEETS = /^(?:[=+@\t\r]|-(?!\d))/;

/** @type {Record<Format, Writer>} */
export const WRITERS = {
  json: { type: 'application/json', write: json },
  csv: { type: 'text/csv', write: csv },
  graphml: { type: 'application/graphml+xml', write: graphml },
};

/**
 * @param {GraphNode[]} nodes
 * @param {GraphLink[]} links
 */
function json(nodes, links) {
  const refs = new Map(nodes.map(({ id, ref }) => [id, ref]));
  return JSON.stringify({
    nodes: nodes.map(({ node }) => node),
    links: links.map(({ edge, from, to }) => ({ edge, from: refs.get(from), to: refs.get(to) })),
  });
}

/**
 * @param {GraphNode[]} nodes
 * @param {GraphLink[]} links
 */
function csv(nodes, links) {
  const rows = [
    COLUMNS,
    ...nodes.map((node) => cellsOf({ row: 'node', id: node.id, ...valuesOf(node) })),
    ...links.map(({ edge, from, to }, number) =>
      cellsOf({ row: 'link', id: `e${number}`, edge, source: from, target: to }),
    ),
  ];
  return rows.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

/** @param {Record<string, string>} values */
function cellsOf(values) {
  return COLUMNS.map((name) => values[name] ?? '');
}

/** @param {string} cell */
function quoted(cell) {
  const harmless = RUNS_IN_SHEETS.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/**
 * @param {GraphNode[]} nodes
 * @param {GraphLink[]} links
 */
function graphml(nodes, links) {
  const keys = [...NODE_KEYS.map((name) => ['node', name]), ['edge', 'edge']];
  const declared = keys.map(
    ([kind, name]) => `<key id="${name}" for="${kind}" attr.name="${name}" attr.type="string"/>\n`,
  );
  const body = [
    ...nodes.map((node) => `<node id="${escaped(node.id)}">${Object.entries(valuesOf(node)).map(data).join('')}</node>\n`),
    ...links.map(
      ({ edge, from, to }, number) =>
        `<edge id="e${number}" source="${escaped(from)}" target="${escaped(to)}">${data(['edge', edge])}</edge>\n`,
    ),
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n',
    ...declared,
    '<graph edgedefault="directed">\n',
    ...body,
    '</graph>\n</graphml>\n',
  ].join('');
}

/** @param {[string, string]} value */
function data([key, value]) {
  return `<data key="${key}">${escaped(value)}</data>`;
}

/** @param {string} text */
function escaped(text) {
  const clean = text.replace(NOT_IN_XML, '\u{FFFD}');
  return clean.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/**
 * The values of a node by the names of the keys, in their order.
 * @param {GraphNode} node
 * @returns {Record<string, string>}
 */
function valuesOf({ ref, node: { metadata, properties } }) {
  return {
    service_code: metadata.service_code,
    table: ref.table,
    entity_type: metadata.entity_type,
    label: metadata.label,
    pk: ref.pk,
    sk: ref.sk,
    revision: metadata.revision === undefined ? '' : String(metadata.revision),
    properties: JSON.stringify(properties),
  };
}
